// The time, as the screen shows it. One source, so that a scene can stand still at its own moment.

class Clock {
  #offset = 0;
  #frozen: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The current minute's reading; what reads it repaints when the minute changes. */
  minute = $state(Date.now());

  /** Milliseconds since the Unix epoch. */
  now(): number {
    return this.#frozen ?? Date.now() + this.#offset;
  }

  start(): void {
    clearTimeout(this.#timer);
    this.minute = this.now();
    if (this.#frozen !== null) return;
    const untilNext = 60_000 - (this.now() % 60_000);
    this.#timer = setTimeout(() => this.start(), untilNext + 5);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** From now on it is `at`, and time passes. */
  set(at: number): void {
    this.#frozen = null;
    this.#offset = at - Date.now();
    this.start();
  }

  /** From now on it is `at`, and stays so. */
  freeze(at: number): void {
    this.#frozen = at;
    this.start();
  }
}

export const clock = new Clock();
