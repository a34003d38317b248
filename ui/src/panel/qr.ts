// The drawing of a QR code.

import qrcode from "qrcode-generator";

export interface Drawn {
  /** How many modules wide and high. */
  modules: number;
  /** Its dark modules, one unit each, as the data of an SVG path. */
  d: string;
}

/** Medium error correction: a screen is clean, and fewer modules read from further away. */
export function path(text: string): Drawn {
  const code = qrcode(0, "M");
  code.addData(text, "Byte");
  code.make();
  const modules = code.getModuleCount();
  let d = "";
  for (let y = 0; y < modules; y += 1) {
    for (let x = 0; x < modules; x += 1) {
      let wide = 0;
      while (x + wide < modules && code.isDark(y, x + wide)) wide += 1;
      if (wide > 0) d += `M${x} ${y}h${wide}v1h-${wide}z`;
      x += wide;
    }
  }
  return { modules, d };
}
