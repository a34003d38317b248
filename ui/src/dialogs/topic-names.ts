// What a topic may be called, as the relay has it: dotted parts, in a subscription with `*` and `>`.

export type TopicFault = "empty" | "long" | "parts" | "rest" | "whole" | "wild" | "space";

/** What is wrong with a pattern to listen to, or with a name to publish on; null if nothing is. */
export function topicFault(name: string, use: "listen" | "publish"): TopicFault | null {
  const length = [...name].length;
  if (length === 0) return "empty";
  if (length > 128) return "long";
  const parts = name.split(".");
  for (const [at, part] of parts.entries()) {
    const fault = partFault(part, at === parts.length - 1, use);
    if (fault) return fault;
  }
  return null;
}

function partFault(part: string, last: boolean, use: "listen" | "publish"): TopicFault | null {
  if (part === "") return "parts";
  if (/[*>]/.test(part)) {
    if (use === "publish") return "wild";
    if (part === "*") return null;
    if (part !== ">") return "whole";
    return last ? null : "rest";
  }
  return /[\s\p{Cc}]/u.test(part) ? "space" : null;
}

/** Whether a subscription to this pattern hears of this topic. */
export function hears(pattern: string, topic: string): boolean {
  const [wanted, parts] = [pattern.split("."), topic.split(".")];
  const rest = wanted.at(-1) === ">";
  if (rest ? parts.length < wanted.length : parts.length !== wanted.length) return false;
  return wanted.every((part, at) => part === "*" || (part === ">" && at === wanted.length - 1) || part === parts[at]);
}
