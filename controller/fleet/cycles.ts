/** Cycles of a graph, each reported once and from its first node in the given order. */

/**
 * Depth first with an explicit stack: a chain of 10,000 agents must not overflow the call stack. Linear in nodes and
 * edges.
 */
export function findCycles(edges: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = [];
  const order = new Map([...edges.keys()].map((name, index) => [name, index] as const));
  const done = new Set<string>();
  for (const root of edges.keys()) {
    if (done.has(root)) continue;
    const path: { readonly name: string; next: number }[] = [{ name: root, next: 0 }];
    const depth = new Map([[root, 0]]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const target = edges.get(top.name)?.[top.next];
      top.next += 1;
      if (target === undefined) {
        done.add(top.name);
        depth.delete(top.name);
        path.pop();
        continue;
      }
      const back = depth.get(target);
      if (back !== undefined)
        cycles.push(
          rotate(
            path.slice(back).map(({ name }) => name),
            order,
          ),
        );
      else if (!done.has(target) && edges.has(target)) {
        depth.set(target, path.length);
        path.push({ name: target, next: 0 });
      }
    }
  }
  return cycles;
}

function rotate(cycle: readonly string[], order: ReadonlyMap<string, number>): readonly string[] {
  let first = 0;
  for (const [index, name] of cycle.entries()) {
    if ((order.get(name) ?? 0) < (order.get(cycle[first] ?? "") ?? 0)) first = index;
  }
  return [...cycle.slice(first), ...cycle.slice(0, first)];
}
