// A maximum flow from nodes with something to send into roots, filled one after the other.
//
// Filling a root never takes from an earlier one: what a path brings in can be led another way, but
// stays in. So the places that are filled early stay filled, and that is what makes taking them in
// order of price the cheapest way; see launches.ts.

type Node = number;
type Arc = number;

export interface Flow {
  /** A node that has this much to send. */
  node(supply?: number): Node;
  arc(from: Node, to: Node, capacity?: number): Arc;
  /** Gives an arc more room: what led nowhere before may now. */
  widen(arc: Arc, by: number): void;
  /** Leads as much as possible, at most `limit`, into a root; answers how much. */
  fill(root: Node, limit: number): number;
  /** What a node has not sent. */
  unsent(node: Node): number;
  flowOn(arc: Arc): number;
}

/** Dinic's algorithm, backwards from the root. An arc `a` and its reverse `a ^ 1` are neighbours. */
export function createFlow(): Flow {
  const unsent: number[] = [];
  const arcsOf: Arc[][] = [];
  const head: Node[] = [];
  const room: number[] = [];
  // What a failed search saw can never be fed again: no arc with room leads into it, and no later
  // path makes one, unless an arc is widened. So all failed searches cost one walk through the graph.
  const isDead: boolean[] = [];
  const level: number[] = [];
  const next: number[] = [];
  let lastLevel = 0;

  /** Levels backwards from the root, no further than the nearest node with something to send. */
  function search(root: Node): { readonly seen: readonly Node[]; readonly isFed: boolean } {
    const seen = [root];
    lastLevel = Number.POSITIVE_INFINITY;
    level[root] = 0;
    for (const node of seen) {
      const here = level[node] ?? 0;
      next[node] = 0;
      if ((unsent[node] ?? 0) > 0) lastLevel = here;
      if (here >= lastLevel) continue;
      for (const arc of arcsOf[node] ?? []) {
        const from = head[arc] ?? root;
        if (level[from] !== -1 || isDead[from] || (room[arc ^ 1] ?? 0) === 0) continue;
        level[from] = here + 1;
        seen.push(from);
      }
    }
    return { seen, isFed: lastLevel !== Number.POSITIVE_INFINITY };
  }

  /** Draws at most `want` into the node, through nodes that are one level further each. */
  function draw(node: Node, want: number): number {
    let drawn = Math.min(unsent[node] ?? 0, want);
    unsent[node] = (unsent[node] ?? 0) - drawn;
    const further = (level[node] ?? 0) + 1;
    if (further > lastLevel) return drawn;
    const arcs = arcsOf[node] ?? [];
    let i = next[node] ?? 0;
    for (; i < arcs.length && drawn < want; i++) {
      const arc = arcs[i] ?? 0;
      const from = head[arc] ?? 0;
      const capacity = room[arc ^ 1] ?? 0;
      if (capacity === 0 || level[from] !== further) continue;
      const got = draw(from, Math.min(want - drawn, capacity));
      room[arc ^ 1] = capacity - got;
      room[arc] = (room[arc] ?? 0) + got;
      drawn += got;
      // This arc may give more to the next who asks.
      if (drawn === want) break;
    }
    next[node] = i;
    return drawn;
  }

  return {
    node(supply = 0) {
      arcsOf.push([]);
      isDead.push(false);
      level.push(-1);
      next.push(0);
      return unsent.push(supply) - 1;
    },
    arc(from, to, capacity = Number.POSITIVE_INFINITY) {
      const arc = head.push(to, from) - 2;
      room.push(capacity, 0);
      arcsOf[from]?.push(arc);
      arcsOf[to]?.push(arc + 1);
      return arc;
    },
    widen(arc, by) {
      room[arc] = (room[arc] ?? 0) + by;
      isDead.fill(false);
    },
    fill(root, limit) {
      let filled = 0;
      while (filled < limit && !isDead[root]) {
        const { seen, isFed } = search(root);
        if (isFed) filled += draw(root, limit - filled);
        for (const node of seen) {
          level[node] = -1;
          if (!isFed) isDead[node] = true;
        }
      }
      return filled;
    },
    unsent: (node) => unsent[node] ?? 0,
    flowOn: (arc) => room[arc ^ 1] ?? 0,
  };
}
