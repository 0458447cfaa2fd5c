/** The screen of a terminal after all output so far; supports only the few controls that Ink uses. */

/** Throws for a control that is not known, so that nothing is silently misread. */
export function screenOf(written: string, columns: number, rows: number): string {
  const blank = (): string[] => Array.from({ length: columns }, () => " ");
  let grid = Array.from({ length: rows }, blank);
  let x = 0;
  let y = 0;
  const down = (): void => {
    if (y < rows - 1) y += 1;
    else grid = [...grid.slice(1), blank()];
  };
  const pattern = /\x1b\[([?>]?)([\d;]*)([A-Za-z])|\x1b\][^\x07]*\x07|[\s\S]/gu;
  for (const [all, mark, digits = "", verb] of written.matchAll(pattern)) {
    if (verb !== undefined) {
      if (mark !== "" || verb === "m" || verb === "u") continue;
      const [first = 0, second = 0] = digits.split(";").map(Number);
      const by = Math.max(1, first);
      const row = grid[y] as string[];
      if (verb === "A") y = Math.max(0, y - by);
      else if (verb === "B") y = Math.min(rows - 1, y + by);
      else if (verb === "C") x = Math.min(columns - 1, x + by);
      else if (verb === "D") x = Math.max(0, x - by);
      else if (verb === "E") {
        y = Math.min(rows - 1, y + by);
        x = 0;
      } else if (verb === "F") {
        y = Math.max(0, y - by);
        x = 0;
      } else if (verb === "G") x = Math.min(columns, by) - 1;
      else if (verb === "H") {
        y = Math.min(rows, by) - 1;
        x = Math.min(columns, Math.max(1, second)) - 1;
      } else if (verb === "K")
        row.fill(" ", first === 1 ? 0 : first === 2 ? 0 : x, first === 1 ? x + 1 : columns);
      else if (verb === "J") {
        if (first === 0) {
          row.fill(" ", x);
          for (let i = y + 1; i < rows; i++) grid[i] = blank();
        } else grid = Array.from({ length: rows }, blank);
      } else throw new Error(`a control that is not known: ${JSON.stringify(all)}`);
    } else if (all === "\n") {
      x = 0;
      down();
    } else if (all === "\r") x = 0;
    else if (all >= " ") {
      if (x >= columns) {
        x = 0;
        down();
      }
      (grid[y] as string[])[x] = all;
      x += 1;
    }
  }
  return grid.map((row) => row.join("").trimEnd()).join("\n");
}
