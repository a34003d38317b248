import common from "./common";
import conversation from "./conversation";
import dialogs from "./dialogs";
import failed from "./failed";
import list from "./list";
import panel from "./panel";
import settings from "./settings";
import start from "./start";

export default { common, conversation, dialogs, failed, list, panel, settings, start };
