// Days and months for the jump to a date, by this device's calendar.

/** 1 is Monday, 7 is Sunday. */
export function firstWeekday(locale: string): number {
  const known = new Intl.Locale(locale) as Intl.Locale & {
    getWeekInfo?: () => { firstDay: number };
    weekInfo?: { firstDay: number };
  };
  return known.getWeekInfo?.().firstDay ?? known.weekInfo?.firstDay ?? 1;
}

/** The weeks that a day's month touches, each as seven midnights. */
export function monthOf(day: number, first: number): number[][] {
  const date = new Date(day);
  const start = new Date(date.getFullYear(), date.getMonth(), 1);
  const lead = (start.getDay() - (first % 7) + 7) % 7;
  const weeks: number[][] = [];
  for (let at = 1 - lead; at <= daysIn(date); at += 7) {
    weeks.push(Array.from({ length: 7 }, (_, step) => midnight(date.getFullYear(), date.getMonth(), at + step)));
  }
  return weeks;
}

/** A midnight some days and months further; the end of a month stays within the next one. */
export function shifted(day: number, days: number, months: number): number {
  const date = new Date(day);
  if (months === 0) return midnight(date.getFullYear(), date.getMonth(), date.getDate() + days);
  const target = new Date(date.getFullYear(), date.getMonth() + months, 1);
  return midnight(target.getFullYear(), target.getMonth(), Math.min(date.getDate(), daysIn(target)));
}

export function sameMonth(a: number, b: number): boolean {
  const [x, y] = [new Date(a), new Date(b)];
  return x.getFullYear() === y.getFullYear() && x.getMonth() === y.getMonth();
}

function daysIn(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth() + 1, 0).getDate();
}

function midnight(year: number, month: number, day: number): number {
  return new Date(year, month, day).getTime();
}
