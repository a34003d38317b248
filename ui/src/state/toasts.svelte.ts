// Short words about what was just done, at the foot of the window, with a way back where there is one.

export interface Toast {
  id: number;
  text: string;
  undo: (() => void) | null;
}

/** Long enough to read and reach for the button. */
const SHOWN = 6_000;

class Toasts {
  all = $state<Toast[]>([]);
  #next = 1;
  #ends = new Map<number, ReturnType<typeof setTimeout>>();

  show(text: string, undo: (() => void) | null = null): void {
    const id = this.#next++;
    // One at a time: a second would hide what the first offers anyway.
    for (const toast of this.all) this.close(toast.id);
    this.all = [{ id, text, undo }];
    this.resume(id);
  }

  close(id: number): void {
    this.hold(id);
    this.all = this.all.filter((toast) => toast.id !== id);
  }

  /** While the pointer or the focus rests on it, it stays. */
  hold(id: number): void {
    clearTimeout(this.#ends.get(id));
    this.#ends.delete(id);
  }

  resume(id: number): void {
    this.hold(id);
    this.#ends.set(
      id,
      setTimeout(() => this.close(id), SHOWN),
    );
  }
}

export const toasts = new Toasts();
