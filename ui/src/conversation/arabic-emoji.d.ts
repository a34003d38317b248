declare module "virtual:arabic-emoji" {
  /** For each emoji its label, then other words for it. */
  const labels: Record<string, string[]>;
  export default labels;
}
