// Going in: what happens once somebody has signed up or in.

import type { Me } from "../backend/types";
import { navigation } from "../state/navigation.svelte";
import { session } from "../state/session.svelte";
import { loadChats } from "../state/start";
import { inviteLink, kindOfCode } from "./address";

/** `code` is what an invite link carried beside the relay. */
export async function enter(me: Me, code: string | null): Promise<void> {
  try {
    await session.signedInAs(me);
  } catch (thrown) {
    // The form is gone by now.
    return session.failed(thrown);
  }
  await loadChats();
  if (code && kindOfCode(code) === "chat") {
    navigation.openDialog({ dialog: "open_invite", link: inviteLink(me.relay, code) });
  }
}
