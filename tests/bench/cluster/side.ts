/**
 * One side of a comparison: a cluster of a checkout, and callers with its client.
 * @module
 */
import type { Checkout } from "./checkout.ts";
import { Cluster, type Shape } from "./cluster.ts";
import { LoadProcess } from "../load/load_process.ts";

/** A side that runs. */
export class Side {
  private constructor(readonly checkout: Checkout, readonly cluster: Cluster, readonly load: LoadProcess) {}

  /** Starts the replicas and the process of the callers. */
  static async start(checkout: Checkout, shape: Shape): Promise<Side> {
    const cluster = await Cluster.start(checkout, shape);
    return new Side(checkout, cluster, await LoadProcess.start(checkout, cluster.file));
  }

  /**
   * Executes batches until the code of replicas and client is compiled: after so many, and not after a time, which on a slow machine would
   * be too short. Compiled code is several times faster, and a lone caller would take minutes to get it compiled.
   */
  async warmUp(batches: number): Promise<void> {
    for (const kind of ["alone", "bundled"] as const) {
      const callers = { kind, callers: WARM_UP_CALLERS, payload: WARM_UP_BYTES };
      const { error } = await this.load.run({ callers, end: { batches: batches / 2, seconds: MAX_WARM_UP_SECONDS } });
      if (error !== undefined) throw new Error(`${this.checkout.name}: an operation failed: ${error}`);
    }
  }

  async stop(): Promise<void> {
    await this.load.stop();
    await this.cluster.stop();
  }
}

const WARM_UP_CALLERS = 8;
const WARM_UP_BYTES = 100;
const MAX_WARM_UP_SECONDS = 60;
