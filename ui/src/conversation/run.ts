// What the commands do.

import { backend } from "../backend";
import type { ChatView } from "../backend/types";
import { t } from "../i18n/index.svelte";
import { navigation } from "../state/navigation.svelte";
import { session } from "../state/session.svelte";
import { toasts } from "../state/toasts.svelte";
import { Told } from "../state/why";
import type { CommandName } from "./commands";
import { emote, shrug, topicAndText } from "./drafting";
import type { Talk } from "./talk.svelte";

/** Rejects with a failure, and then the words stay written. */
export async function runCommand(
  name: CommandName,
  rest: string,
  chat: ChatView,
  talk: Talk,
  say: (words: string) => Promise<void>,
): Promise<void> {
  switch (name) {
    case "me":
      return say(emote(session.me?.username ?? "", rest));
    case "shrug":
      return say(shrug(rest));
    case "search":
      talk.searchFor(rest);
      return;
    case "mute":
    case "invite":
    case "leave":
      navigation.openDialog({ dialog: name, chat: chat.id });
      return;
    case "topic": {
      const found = topicAndText(rest);
      if (!found) throw new Told(t("conversation.command_topic_wants"));
      const n = await backend().publish(found.topic, found.data);
      toasts.show(t("conversation.published", { topic: found.topic, n }));
    }
  }
}
