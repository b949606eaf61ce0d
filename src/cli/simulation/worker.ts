/**
 * Workers of Deno and Node behind one interface.
 * @module
 */
import { isMainThread, parentPort, Worker as NodeWorker } from "node:worker_threads";
import { RUNTIME } from "../runtime.ts";

/** Another thread that runs one module. */
export interface Thread<Order, Told> {
  /** Gives it an order. Rejects if it fails. */
  ask(order: Order): Promise<Told>;
  close(): void;
}

/** Starts a module in another thread. */
export function startThread<Order, Told>(module: string): Thread<Order, Told> {
  return RUNTIME === "deno" ? webThread(module) : nodeThread(module);
}

function webThread<Order, Told>(module: string): Thread<Order, Told> {
  const worker = new Worker(module, { type: "module" });
  return {
    ask: (order) =>
      new Promise<Told>((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<Answer<Told>>) => settle(data, resolve, reject);
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(event.message));
        };
        worker.postMessage(order);
      }),
    close: () => worker.terminate(),
  };
}

function nodeThread<Order, Told>(module: string): Thread<Order, Told> {
  const worker = new NodeWorker(new URL(module));
  return {
    ask: (order) =>
      new Promise<Told>((resolve, reject) => {
        worker.removeAllListeners();
        worker.once("message", (answer: Answer<Told>) => settle(answer, resolve, reject));
        worker.once("error", reject);
        worker.postMessage(order);
      }),
    close: () => void worker.terminate(),
  };
}

/** Errors keep their text and their exit code on the way between threads. */
type Answer<Told> = { readonly told: Told } | { readonly failed: Failed };

/** An error as it crosses threads. */
export interface Failed {
  readonly message: string;
  readonly stack: string | undefined;
  readonly exitCode: number | undefined;
  readonly lines: { readonly looked?: string; readonly next?: string } | undefined;
}

/** An error of another thread. */
export class ThreadError extends Error {
  override name = "ThreadError";
  constructor(readonly failed: Failed) {
    super(failed.message);
  }
}

function settle<Told>(answer: Answer<Told>, resolve: (told: Told) => void, reject: (error: Error) => void): void {
  if ("told" in answer) resolve(answer.told);
  else reject(new ThreadError(answer.failed));
}

/** In a thread: answers each order. In the program itself it does nothing. */
export function answerOrders<Order, Told>(answer: (order: Order) => Promise<Told>): void {
  const reply = async (order: Order): Promise<Answer<Told>> => {
    try {
      return { told: await answer(order) };
    } catch (error) {
      const { message, stack, exitCode, lines } = error as Failed;
      return { failed: { message: message ?? String(error), stack, exitCode, lines } };
    }
  };
  const scope = globalThis as {
    WorkerGlobalScope?: unknown;
    onmessage?: unknown;
    postMessage?: (told: unknown) => void;
  };
  if (scope.WorkerGlobalScope) {
    scope.onmessage = async ({ data }: MessageEvent<Order>) => scope.postMessage!(await reply(data));
  } else if (!isMainThread && RUNTIME !== "deno") {
    parentPort?.on("message", async (order: Order) => parentPort!.postMessage(await reply(order)));
  }
}
