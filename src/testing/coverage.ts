/**
 * What a simulation exercised: counts by group and name.
 * @module
 */

/** Counts by group and name. */
export class Coverage {
  readonly #counts = new Map<string, Map<string, number>>();

  /** Adds one. */
  count(group: string, name: string, by: number = 1): void {
    let names = this.#counts.get(group);
    if (!names) this.#counts.set(group, names = new Map());
    names.set(name, (names.get(name) ?? 0) + by);
  }

  /** The count of a name. */
  of(group: string, name: string): number {
    return this.#counts.get(group)?.get(name) ?? 0;
  }

  /** Adds the counts of another run. */
  add(other: Coverage): void {
    for (const [group, names] of other.#counts) for (const [name, count] of names) this.count(group, name, count);
  }

  /** All counts by group and name, both sorted. */
  entries(): readonly (readonly [group: string, counts: readonly (readonly [name: string, count: number])[]])[] {
    return [...this.#counts].sort(byName).map(([group, names]) => [group, [...names].sort(byName)] as const);
  }

  /** All counts as lines of text. */
  toString(): string {
    return this.entries().map(([group, counts]) =>
      `${group}:\n${counts.map(([name, count]) => `  ${name.padEnd(28)} ${count}`).join("\n")}`
    ).join("\n");
  }
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
