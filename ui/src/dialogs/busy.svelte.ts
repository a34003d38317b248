// Something under way that a person waits for. It shows only after a moment, so that what is quick never flickers.

const AFTER = 200;

export class Busy {
  /** Under way: a second press does nothing. */
  on = $state(false);
  /** Under way for long enough to say so. */
  shown = $state(false);

  /** Runs it, unless it runs already; gives what it gave. */
  async run<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    if (this.on) return undefined;
    this.on = true;
    const timer = setTimeout(() => (this.shown = true), AFTER);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      this.on = false;
      this.shown = false;
    }
  }
}
