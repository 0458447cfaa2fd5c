/** Reads Prometheus' text format (version 0.0.4) as far as tests need it. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly kind: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Families by name; throws at a line that is neither. */
export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, { kind: string; help: string; samples: Sample[] }>();
  const family = (name: string) => {
    const known = families.get(name) ?? { kind: "", help: "", samples: [] };
    families.set(name, known);
    return known;
  };
  for (const line of text.split("\n").filter((l) => l !== "")) {
    const [, what, described = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (what === "HELP") family(described).help = rest;
    else if (what === "TYPE") family(described).kind = rest;
    else {
      const [, name, labels = "", value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`not a line of metrics: ${line}`);
      const base = name.replace(/_(bucket|sum|count)$/, "");
      family(families.has(name) ? name : base).samples.push({
        name,
        labels: Object.fromEntries(
          [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = "", given = ""]) => [label, given]),
        ),
        value: Number(value),
      });
    }
  }
  return families;
}
