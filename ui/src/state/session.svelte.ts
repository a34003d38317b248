// Who is signed in, how it stands with the relay, what the person chose, and whether the engine is there at all.

import { backend, failure } from "../backend";
import type { About, Connection, Failure, Me, Preferences, Settings } from "../backend/types";
import { words } from "../i18n/index.svelte";
import { onEvent } from "./events";
import { roundTrips } from "./roundtrips.svelte";

/** What the window shows as a whole. */
export type Phase =
  | { phase: "starting" }
  | { phase: "ready" }
  /** The profile could not be opened. */
  | { phase: "broken"; code: string; message: string }
  /** The engine has ended while the window was open. */
  | { phase: "stopped"; message: string };

const DEFAULTS: Preferences = {
  theme: "system",
  language: null,
  zoom: 1,
  enter_sends: true,
  notifications: true,
  notification_text: "name_and_text",
  close_to_tray: false,
  autostart: false,
};

class Session {
  phase = $state<Phase>({ phase: "starting" });
  me = $state<Me | null>(null);
  connection = $state<Connection>({ state: "connecting" });
  /** The most entries that were still to come in this catch-up; 0 when caught up. */
  catchUp = $state(0);
  preferences = $state<Preferences>(DEFAULTS);
  settings = $state<Settings>({ direct_links: "everybody", read_marks: true, typing: true, hide_address: false });
  about = $state<About>({
    version: "",
    platform: "browser",
    computer: null,
    languages: [],
    folder: "",
    tray: false,
  });
  profile = $state("");
  /** The relay to offer while nobody has been signed in since the start. */
  offered = $state<string | null>(null);
  /** As the operator named the relay; its host until it has been asked. */
  relayName = $state("");
  dark = $state(false);

  isMac = $derived(this.about.platform === "macos");
  signedIn = $derived(this.me !== null);
  online = $derived(this.connection.state === "online");

  /** How many times the engine has told how it stands. */
  #connectionEvents = 0;
  /** What is being kept of what the person chose. */
  #keeping: Promise<void> = Promise.resolve();
  #system = matchMedia("(prefers-color-scheme: dark)");

  /** Opens the profile; gives the `parley://` link this start was asked to open, if any. */
  async start(): Promise<string | null> {
    this.#system.onchange = () => this.#applyTheme();
    onEvent((event) => {
      if (event.event === "connection") {
        this.#connectionEvents += 1;
        this.#connectionChanged(event);
      }
      if (event.event === "preferences") void this.#preferencesChanged(event.preferences);
      if (event.event === "tray") this.about = { ...this.about, tray: event.there };
      if (event.event === "stopped") this.phase = { phase: "stopped", message: event.message };
    });
    return this.#taken(backend().start());
  }

  /** Opens the engine again after it was broken or stopped; gives what `start` gives. */
  async reopen(): Promise<string | null> {
    this.phase = { phase: "starting" };
    return this.#taken(backend().reopen());
  }

  /** Nothing could be opened, not even what the person prefers: it is said in the system's colours. */
  failed(thrown: unknown): void {
    const { code, message } = failure(thrown);
    this.#applyTheme();
    this.phase = { phase: "broken", code, message };
  }

  /** After signing in or up. */
  async signedInAs(me: Me): Promise<void> {
    this.me = me;
    const before = this.#connectionEvents;
    this.#connectionAnswered(await backend().connection(), before);
    await this.#signedIn();
  }

  async setPreferences(change: Partial<Preferences>): Promise<void> {
    const before = this.preferences;
    await this.#preferencesChanged({ ...before, ...change });
    try {
      await this.#inTurn(() => backend().setPreferences($state.snapshot(this.preferences)));
    } catch (thrown) {
      await this.#preferencesChanged(without(change, this.preferences, before));
      throw failure(thrown) satisfies Failure;
    }
  }

  async setSettings(change: Partial<Settings>): Promise<void> {
    const before = this.settings;
    this.settings = { ...before, ...change };
    try {
      await this.#inTurn(() => backend().setSettings($state.snapshot(this.settings)));
    } catch (thrown) {
      this.settings = without(change, this.settings, before);
      throw failure(thrown) satisfies Failure;
    }
  }

  /** Keeps one choice after the other, so that the last one stands in the end. */
  #inTurn(keep: () => Promise<void>): Promise<void> {
    const kept = this.#keeping.then(keep);
    this.#keeping = kept.catch(() => undefined);
    return kept;
  }

  async #taken(asked: ReturnType<ReturnType<typeof backend>["start"]>): Promise<string | null> {
    const before = this.#connectionEvents;
    const start = await asked;
    this.profile = start.profile;
    this.about = start.about;
    await this.#preferencesChanged(start.preferences);
    if (start.state === "broken") {
      this.phase = { phase: "broken", code: start.code, message: start.message };
      return null;
    }
    this.me = start.me;
    this.offered = start.relay;
    this.#connectionAnswered(start.connection, before);
    this.phase = { phase: "ready" };
    if (start.me) await this.#signedIn();
    return start.link;
  }

  async #signedIn(): Promise<void> {
    this.relayName = hostOf(this.me?.relay ?? "");
    this.settings = await backend().settings();
    void this.#askRelayName();
  }

  async #askRelayName(): Promise<void> {
    const relay = this.me?.relay;
    if (!relay) return;
    try {
      const info = await backend().checkRelay(relay);
      if (this.me?.relay === relay) this.relayName = info.name;
    } catch {
      // Its host stands there; the name is asked for again when the relay is back.
    }
  }

  /** Answers and events travel apart: an answer says nothing once an event has come since it was asked for. */
  #connectionAnswered(connection: Connection, before: number): void {
    if (this.#connectionEvents === before) this.#connectionChanged(connection);
  }

  #connectionChanged(connection: Connection): void {
    const wasOnline = this.online;
    const took = roundTripOf(connection);
    if (took !== roundTripOf(this.connection)) roundTrips.begin("relay", "relay", took);
    this.connection = connection;
    if (connection.state === "online") this.catchUp = connection.behind && Math.max(this.catchUp, connection.behind);
    if (connection.state === "signed_out") this.me = null;
    if (this.online && !wasOnline && this.phase.phase === "ready") void this.#askRelayName();
  }

  async #preferencesChanged(preferences: Preferences): Promise<void> {
    this.preferences = preferences;
    this.#applyTheme();
    const chosen = preferences.language ? [preferences.language] : [];
    await words.use([...chosen, ...this.about.languages]);
  }

  #applyTheme(): void {
    const { theme } = this.preferences;
    this.dark = theme === "dark" || (theme === "system" && this.#system.matches);
    document.documentElement.dataset.theme = this.dark ? "dark" : "light";
  }
}

/** What was chosen, without a change that could not be kept; where something else was chosen since, that stays. */
function without<Choice extends object>(change: Partial<Choice>, now: Choice, before: Choice): Choice {
  const back = Object.keys(change).filter((key) => now[key as keyof Choice] === change[key as keyof Choice]);
  return { ...now, ...Object.fromEntries(back.map((key) => [key, before[key as keyof Choice]])) };
}

function roundTripOf(connection: Connection): number | null {
  return connection.state === "online" ? connection.round_trip : null;
}

function hostOf(relay: string): string {
  try {
    return new URL(relay).host;
  } catch {
    return relay;
  }
}

export const session = new Session();
