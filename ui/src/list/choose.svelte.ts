// Choosing one of many rows by the arrows while the focus stays in the field.

interface Keyed {
  key: string;
}

export class Chooser<Row extends Keyed> {
  #rows: () => Row[];
  #key = $state<string | null>(null);

  /** The first, until another is chosen, and again when that one is gone. */
  chosen = $derived.by<Row | null>(() => this.#rows().find((row) => row.key === this.#key) ?? this.#rows()[0] ?? null);

  constructor(rows: () => Row[]) {
    this.#rows = rows;
  }

  choose(row: Row): void {
    this.#key = row.key;
  }

  reset(): void {
    this.#key = null;
  }

  /** Takes the arrows and the page keys; tells whether the key was its. */
  move(event: KeyboardEvent): boolean {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    const rows = this.#rows();
    if (!step || rows.length === 0 || event.altKey || event.ctrlKey || event.metaKey) return false;
    event.preventDefault();
    const at = rows.findIndex((row) => row.key === this.chosen?.key);
    const wraps = Math.abs(step) === 1;
    const next = wraps ? (at + step + rows.length) % rows.length : Math.max(0, Math.min(at + step, rows.length - 1));
    this.#key = rows[next]!.key;
    return true;
  }
}
