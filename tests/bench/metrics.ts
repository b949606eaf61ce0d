/**
 * Reads the replicas' Prometheus text.
 * @module
 */

/** One sample: `name{label="value"} 1`. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of each replica. */
export type Samples = readonly (readonly Sample[])[];

/** Asks each replica for its metrics. */
export async function readMetrics(urls: readonly string[]): Promise<Samples> {
  const texts = await Promise.all(urls.map(async (url) => await (await fetch(`${url}/metrics`)).text()));
  return texts.map(parseMetrics);
}

/** Prometheus's text format, as far as we write it. */
export function parseMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line): Sample[] => {
    const match = line.match(/^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/);
    if (!match) return [];
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k!, v!]));
    return [{ name: match[1]!, labels, value: Number(match[3]) }];
  });
}

/** The sum of a metric's samples that have these labels. */
export function total(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samples
    .filter((sample) => sample.name === name && Object.entries(labels).every(([k, v]) => sample.labels[k] === v))
    .reduce((sum, { value }) => sum + value, 0);
}

/** By how much a metric grew in all replicas together. */
export function growth(
  [before, after]: readonly [Samples, Samples],
  name: string,
  labels?: Readonly<Record<string, string>>,
): number {
  return total(after.flat(), name, labels) - total(before.flat(), name, labels);
}

/** What a histogram saw between two readings: how many values, and their mean. */
export function observed(
  [before, after]: readonly [readonly Sample[], readonly Sample[]],
  name: string,
  labels?: Readonly<Record<string, string>>,
): { readonly count: number; readonly mean: number } {
  const count = total(after, `${name}_count`, labels) - total(before, `${name}_count`, labels);
  const sum = total(after, `${name}_sum`, labels) - total(before, `${name}_sum`, labels);
  return { count, mean: sum / count };
}
