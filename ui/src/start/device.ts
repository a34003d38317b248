// What this device is called unless the person says otherwise: two computers of one kind are told apart by their own names.

import { t } from "../i18n/index.svelte";
import { session } from "../state/session.svelte";

/** No device has a longer name. */
const LONGEST = 64;

export function deviceName(): string {
  const { platform, computer } = session.about;
  const kind = t(`start.device_${platform}`);
  return computer ? [...`${kind} (${computer}`].slice(0, LONGEST - 1).join("") + ")" : kind;
}
