/** A captured terminal screen as a page: letters in their colours and weights, for a picture of it. Pure. */

const BASIC = ["#15191f", "#e5534b", "#57ab5a", "#daaa3f", "#539bf5", "#b083f0", "#39c5cf", "#cdd9e5"];
const BRIGHT = ["#768390", "#ff938a", "#6bc46d", "#f0c560", "#76b5ff", "#dcbdfb", "#56d4dd", "#ffffff"];
const INK = "#cdd9e5";
const PAPER = "#15191f";

interface Look {
  readonly ink: string | null;
  readonly paper: string | null;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly underline: boolean;
  readonly inverse: boolean;
}

const PLAIN: Look = { ink: null, paper: null, bold: false, dim: false, underline: false, inverse: false };

export function ansiPage(screen: string): string {
  let look = PLAIN;
  const html = screen
    .trimEnd()
    .split(/(\x1b\[[\d;:]*m)/)
    .map((part) => {
      const codes = /^\x1b\[([\d;:]*)m$/.exec(part);
      if (!codes) return part === "" ? "" : `<span style="${css(look)}">${escaped(part)}</span>`;
      look = changed(look, (codes[1] ?? "").split(/[;:]/).map(Number));
      return "";
    })
    .join("");
  const style = `margin:0;display:inline-block;padding:14px 18px;background:${PAPER};color:${INK};font:14px/18px "DejaVu Sans Mono",monospace`;
  return `<!doctype html><body style="margin:0;background:${PAPER}"><pre style='${style}'>${html}</pre>`;
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function css({ ink, paper, bold, dim, underline, inverse }: Look): string {
  const [front, back] = inverse ? [paper ?? PAPER, ink ?? INK] : [ink ?? INK, paper];
  return [
    `color:${front}`,
    back !== null && `background:${back}`,
    bold && "font-weight:700",
    dim && "opacity:.65",
    underline && "text-decoration:underline",
  ]
    .filter(Boolean)
    .join(";");
}

function changed(look: Look, codes: readonly number[]): Look {
  let now = look;
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i] ?? 0;
    if (code === 38 || code === 48) {
      const true24 = codes[i + 1] === 2;
      const color = true24 ? `rgb(${codes.slice(i + 2, i + 5).join(",")})` : indexed(codes[i + 2] ?? 0);
      now = code === 38 ? { ...now, ink: color } : { ...now, paper: color };
      i += true24 ? 4 : 2;
    } else now = simple(now, code);
  }
  return now;
}

function simple(look: Look, code: number): Look {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 4) return { ...look, underline: true };
  if (code === 7) return { ...look, inverse: true };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code === 24) return { ...look, underline: false };
  if (code === 27) return { ...look, inverse: false };
  if (code === 39) return { ...look, ink: null };
  if (code === 49) return { ...look, paper: null };
  const [table, at] = code >= 90 ? [BRIGHT, code - 90] : [BASIC, code - 30];
  if (at >= 0 && at < 8) return { ...look, ink: table[at] ?? null };
  return at >= 10 && at < 18 ? { ...look, paper: table[at - 10] ?? null } : look;
}

/** The 256 colours: the basic ones, a cube of six steps, greys. */
function indexed(n: number): string {
  if (n < 16) return (n < 8 ? BASIC[n] : BRIGHT[n - 8]) ?? INK;
  if (n >= 232)
    return `rgb(${Array(3)
      .fill(8 + (n - 232) * 10)
      .join(",")})`;
  const step = (v: number): number => (v === 0 ? 0 : 55 + v * 40);
  const cube = n - 16;
  return `rgb(${step(Math.floor(cube / 36))},${step(Math.floor(cube / 6) % 6)},${step(cube % 6)})`;
}
