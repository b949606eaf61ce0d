/**
 * Runs settings: on one cluster of each side for all that have the same shape.
 * @module
 */
import { type Checkout, HERE } from "./cluster/checkout.ts";
import type { Shape } from "./cluster/cluster.ts";
import { Side } from "./cluster/side.ts";
import { type Effort, measure, type Measured, type Setting } from "./measure.ts";
import { delaysOf } from "./wan/delays.ts";

const ENDING: readonly Deno.Signal[] = ["SIGINT", "SIGTERM"];

/** How settings are run. */
export interface RunOptions {
  readonly effort: Effort;
  /** Batches of four replicas before the first round. */
  readonly warmUp: number;
  readonly memory: boolean;
  /** Another checkout to compare with. */
  readonly against: Checkout | null;
  /** Is told what is being done. */
  readonly progress: (text: string) => void;
}

/** Measures all settings. With another checkout, each setting gives two results: of this one and of the other. */
export async function runSettings(settings: readonly Setting[], options: RunOptions): Promise<Measured[]> {
  const results: Measured[] = [];
  for (const together of byShape(settings)) {
    const { replicas, wan } = together[0]!;
    const shape = { replicas, memory: options.memory, proxied: wan.length > 0 };
    results.push(
      ...await withSides(shape, options, async (sides) => {
        const measured: Measured[] = [];
        for (const setting of together) {
          for (const { cluster } of sides) await cluster.proxies?.set(delaysOf(setting.wan, replicas), setting.stalls);
          measured.push(...await measure(sides, setting, options.effort, options.progress));
        }
        return measured;
      }),
    );
  }
  return results;
}

/** The settings that one cluster serves, together. */
function byShape(settings: readonly Setting[]): Setting[][] {
  const shapeOf = ({ replicas, wan }: Setting) => `${replicas}, ${wan.length > 0}`;
  return Object.values(Object.groupBy(settings, shapeOf)) as Setting[][];
}

/** Starts and warms up each side, and stops them in the end, also when the process is told to end. */
export async function withSides<T>(
  shape: Shape,
  { warmUp, against, progress }: Pick<RunOptions, "warmUp" | "against" | "progress">,
  use: (sides: readonly Side[]) => Promise<T>,
): Promise<T> {
  const sides: Side[] = [];
  const stop = async () => {
    for (const side of sides.splice(0)) await side.stop();
  };
  const interrupted = () => void stop().then(() => Deno.exit(130));
  for (const signal of ENDING) Deno.addSignalListener(signal, interrupted);
  try {
    for (const checkout of [HERE, ...(against ? [against] : [])]) {
      progress(`starting ${shape.replicas} replicas${against ? `, ${checkout.name}` : ""}`);
      sides.push(await Side.start(checkout, shape));
      progress("warming up the replicas");
      // A batch is 2 n messages or more for each replica.
      await sides.at(-1)!.warmUp(Math.ceil(warmUp * 3 / (shape.replicas - 1)));
    }
    return await use(sides);
  } finally {
    await stop();
    for (const signal of ENDING) Deno.removeSignalListener(signal, interrupted);
  }
}
