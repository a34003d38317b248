// Changes and gaps in words.

import type { MessageView } from "../backend/types";
import { span } from "../i18n/formats";
import { t } from "../i18n/index.svelte";
import { session } from "../state/session.svelte";
import { plain } from "./links";

const LONG = 120;

export function sentenceOf(line: MessageView): string {
  if (line.kind === "gap") return gap(line.count, line.why);
  if (line.kind === "change") return change(line);
  return "";
}

function gap(count: number | null, why: string): string {
  const n = count ?? 0;
  if (why === "retention") return n > 0 ? t("conversation.gap_retention", { n }) : t("conversation.gap_retention_some");
  if (why === "old_copy") return t("conversation.gap_old_copy");
  return n > 0 ? t("conversation.gap_lost", { n }) : t("conversation.gap_lost_some");
}

function isMe(username: string): boolean {
  return username !== "" && username === session.me?.username;
}

function named(username: string): string {
  return plain(username) || t("conversation.somebody");
}

function change(line: MessageView & { kind: "change" }): string {
  const me = line.account === session.me?.account;
  const actor = named(line.username);
  const subject = plain(line.subject).slice(0, LONG);
  switch (line.what) {
    case "created":
      if (subject === "") return me ? t("conversation.you_opened") : t("conversation.opened", { actor });
      return me ? t("conversation.you_created", { subject }) : t("conversation.created", { actor, subject });
    case "member_added":
      return added(me, actor, line.username, line.subject);
    case "member_removed":
      return removed(me, actor, line.username, line.subject);
    case "role_changed":
      return roleChanged(me, actor, line.subject);
    case "owner_changed":
      return isMe(line.subject) ? t("conversation.you_own") : t("conversation.owns", { subject: named(line.subject) });
    case "renamed":
      return me ? t("conversation.you_renamed", { subject }) : t("conversation.renamed", { actor, subject });
    case "described":
      if (subject === "") return me ? t("conversation.you_undescribed") : t("conversation.undescribed", { actor });
      return me ? t("conversation.you_described", { subject }) : t("conversation.described", { actor, subject });
    case "retention_changed":
      return keeps(me, actor, line.subject);
    default:
      // A newer engine may know of changes that this screen doesn't: it says at least what they concern.
      return subject;
  }
}

function added(me: boolean, actor: string, by: string, username: string): string {
  const subject = named(username);
  if (by === username) return me ? t("conversation.you_joined") : t("conversation.joined", { actor });
  if (isMe(username)) return t("conversation.added_you", { actor });
  return me ? t("conversation.you_added", { subject }) : t("conversation.added", { actor, subject });
}

function removed(me: boolean, actor: string, by: string, username: string): string {
  const subject = named(username);
  if (by === username) return me ? t("conversation.you_left") : t("conversation.left", { actor });
  if (isMe(username)) return t("conversation.removed_you", { actor });
  return me ? t("conversation.you_removed", { subject }) : t("conversation.removed", { actor, subject });
}

/** The subject is in seconds; without one there is no limit. */
function keeps(me: boolean, actor: string, subject: string): string {
  if (subject === "") return me ? t("conversation.you_keep_all") : t("conversation.keeps_all", { actor });
  const time = span(Number(subject));
  return me ? t("conversation.you_keep", { time }) : t("conversation.keeps", { actor, time });
}

/** The engine says who and what in one: `mara admin`. */
function roleChanged(me: boolean, actor: string, subject: string): string {
  const at = subject.lastIndexOf(" ");
  const username = at < 0 ? subject : subject.slice(0, at);
  const role = t(subject.slice(at + 1) === "admin" ? "conversation.as_admin" : "conversation.as_member");
  if (isMe(username)) return t("conversation.made_you", { actor, role });
  const who = named(username);
  return me
    ? t("conversation.you_made", { subject: who, role })
    : t("conversation.made", { actor, subject: who, role });
}
