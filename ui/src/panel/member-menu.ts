// What can be done with a member: write to them, and what one's role allows.

import Crown from "@lucide/svelte/icons/crown";
import MessageCircle from "@lucide/svelte/icons/message-circle";
import ShieldMinus from "@lucide/svelte/icons/shield-minus";
import ShieldPlus from "@lucide/svelte/icons/shield-plus";
import UserMinus from "@lucide/svelte/icons/user-minus";
import { backend } from "../backend";
import type { ChatView, MemberView, Role } from "../backend/types";
import type { MenuItem } from "../design/Menu.svelte";
import { t } from "../i18n/index.svelte";
import { attempt, writeTo } from "../state/actions";
import { toasts } from "../state/toasts.svelte";
import { mayRemove, owns } from "./may";

/** What is asked about first. */
export interface MemberAct {
  act: "remove" | "hand_over";
  member: MemberView;
}

export function memberMenu(chat: ChatView, member: MemberView, ask: (act: MemberAct) => void): MenuItem[] {
  const name = member.username;
  const items: MenuItem[] = [
    { label: t("panel.write_to", { name }), icon: MessageCircle, run: () => void writeTo(member.account) },
  ];
  if (owns(chat)) {
    items.push(
      member.role === "admin"
        ? { label: t("panel.make_member"), icon: ShieldMinus, run: () => void setRole(chat, member, "member") }
        : { label: t("panel.make_admin"), icon: ShieldPlus, run: () => void setRole(chat, member, "admin") },
      { label: t("panel.hand_over", { name }), icon: Crown, run: () => ask({ act: "hand_over", member }) },
    );
  }
  if (mayRemove(chat, member)) {
    items.push({
      label: t("panel.remove_member"),
      icon: UserMinus,
      danger: true,
      apart: true,
      run: () => ask({ act: "remove", member }),
    });
  }
  return items;
}

/** A role given can be taken back, so it is not asked about. */
async function setRole(chat: ChatView, member: MemberView, role: Role): Promise<void> {
  const before = member.role;
  const name = member.username;
  if (!(await attempt(() => backend().setRole(chat.id, member.account, role)))) return;
  const undo = () => void attempt(() => backend().setRole(chat.id, member.account, before));
  toasts.show(t(role === "admin" ? "panel.made_admin" : "panel.made_member", { name }), undo);
}
