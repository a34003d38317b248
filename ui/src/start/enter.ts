// Going in: what happens once somebody has signed up or in.

import type { Me } from "../backend/types";
import { navigation } from "../state/navigation.svelte";
import { session } from "../state/session.svelte";
import { loadChats } from "../state/start";
import { inviteLink, kindOfCode } from "./address";

/** `code` is what an invite link carried beside the relay. */
export async function enter(me: Me, code: string | null): Promise<void> {
  await session.signedInAs(me);
  await loadChats();
  if (code && kindOfCode(code) === "chat") {
    navigation.openDialog({ dialog: "open_invite", link: inviteLink(me.relay, code) });
  }
}
