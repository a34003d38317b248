// What somebody might send to break the screen. Nothing of it may run, reach outside, or tear the layout.

const ZALGO = "Z̷̢̛͓̪̣͎̮͖̜͍͎̞̈́̍̑͒͐̊̚͝a̸̧̛͙̩̫̮͇͑̿̄̂̀̈́l̵̨̛̻̰͙̤̊̎̇͑̐̚g̶̢̘̩̹͐͋͑̋̂̕o̵̡͎̜͑̅̎̾̚͝";

export const HOSTILE: string[] = [
  "<script>window.hacked = true</script>",
  '<img src=x onerror="window.hacked = true">',
  '<svg onload="window.hacked = true"><a href="javascript:window.hacked=true">x</a></svg>',
  "[harmless](javascript:window.hacked=true)",
  "[harmless](data:text/html,<script>window.hacked=true</script>)",
  "[https://bank.example](https://evil.example/login)",
  "![picture](https://evil.example/pixel.png)",
  "\u202Egnp.exe\u202C and \u2066isolated\u2069 and \u200Fright\u200E",
  "\u202E\u202E\u202E".repeat(50) + "reversed",
  ZALGO.repeat(20),
  "w".repeat(4_000),
  "﷽".repeat(200),
  "🏳️‍🌈👨‍👩‍👧‍👦".repeat(80),
  "`".repeat(300) + "code" + "`".repeat(300),
  "```html\n<b onclick=alert(1)>bold</b>\n" + "line\n".repeat(80) + "```",
  "> ".repeat(200) + "deep quote",
  "*".repeat(1_000) + "_".repeat(1_000),
  "\0\u0001\u0008\u001b[31mred\u001b[0m\u007f\ufffe",
  "{count, plural, other {x}} {name} ${7*7} {{constructor}}",
  "Lorem ipsum dolor sit amet. ".repeat(2_340),
  "\n\n\n\n\n\n\n\n\n\n",
  "https://xn--80ak6aa92e.example/ and https://user:pass@evil.example:8080/?q=<script>",
  "mailto:a@b.example?subject=x&body=y vbscript:msgbox file:///etc/passwd",
];

export const HOSTILE_NAMES: string[] = [
  "<img src=x onerror=window.hacked=true>",
  "\u202Eevil\u202C",
  ZALGO.repeat(3),
  "N".repeat(128),
  "\u0007\u0000bell",
  "ﷺ﷽﷽﷽",
  "{name}",
  "   ",
];
