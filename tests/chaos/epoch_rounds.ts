/**
 * `deno task rounds epochs`: a cluster of processes changes its members, its keys and its machine's version under load, again
 * and again, and after each change it is said how long callers waited.
 * @module
 */
import { MemberProcesses } from "../e2e/_members.ts";
import { spread } from "../bench/stats.ts";
import { inFolder } from "../tools/folder.ts";
import { WAYS } from "./clients.ts";
import { Load } from "./load.ts";

/** A file that a member's program imports. */
const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
/** A change may take callers at most so long, ms. */
const AIM_MS = 500;
const THINK_MS = 10;
/** Callers go on for so long before and after a change, ms. */
const CALM_MS = 1_500;
const NAMES = ["Apple", "Ball", "Candy", "Dog"];

/** What is run. */
export interface EpochRounds {
  readonly rounds: number;
  /** Callers of each way. */
  readonly callers: number;
  /** Whether to print what the members said during a change that took longer than wanted. */
  readonly hasTrace: boolean;
}

/** A module with so many versions of the key-value machine, which all behave alike. */
function versionsModule(count: number): string {
  const versions = Array.from({ length: count }, (_, i) => i + 1);
  const entryOf = (n: number) =>
    n === 1
      ? `"key-value/1": () => new KeyValue(),`
      : `"key-value/${n}": { create: () => new (versionOf(${n}))(), migrate: { "key-value/${
        n - 1
      }": (chunks) => chunks } },`;
  return `import { KeyValue } from ${at("../../src/machines/mod.ts")};
const versionOf = (n) => class extends KeyValue { version = "key-value/" + n; };
export default {
${versions.map(entryOf).join("\n")}
};
`;
}

/** One cluster, and its changes. */
class Changes {
  readonly #members: MemberProcesses;
  readonly #machine: readonly string[];
  readonly load: Load;
  readonly waits: { readonly words: string; readonly pauseMs: number; readonly longestMs: number }[] = [];

  constructor(members: MemberProcesses, { callers, machine }: { readonly callers: number; readonly machine: string }) {
    this.#members = members;
    this.#machine = ["--machine", machine];
    this.load = new Load({ cluster: members.cluster(), gateways: () => members.urls() }, callers, {
      thinkMs: THINK_MS,
    });
  }

  async round(round: number): Promise<void> {
    const members = this.#members;
    for (const [i, name] of NAMES.entries()) {
      const [old, id] = [members.present[i]!, `${name}${round}`];
      const { publicKey, url } = members.invite(id);
      await members.startJoining(id, ...this.#machine);
      const present = members.present.map((one) => one === old ? id : one);
      const oldName = members.invited.get(old)!.name;
      await this.#change(`replace ${oldName} by ${id}`, ["--replace", `${oldName}:${id}=${publicKey}@${url}`], present);
    }
    const rotated = members.present.map((id) => members.invite(`${id}-2`, members.invited.get(id)!.name));
    const ids = members.present.map((id) => `${id}-2`);
    for (const id of ids) await members.startJoining(id, ...this.#machine);
    const flags = rotated.flatMap((
      { name, publicKey, url },
    ) => ["--key", `${name}=${publicKey}`, "--url", `${name}=${url}`]);
    await this.#change("rotate all keys", flags, ids);
    await this.#change("next version", ["--state-machine", `key-value/${round + 1}`], members.present);
  }

  async #change(words: string, flags: readonly string[], present: readonly string[]): Promise<void> {
    const calm = performance.now();
    await pass(CALM_MS);
    const before = Math.max(...Object.values(this.load.around(calm).longestMs));
    const from = performance.now();
    await this.#members.change(flags, present);
    await pass(CALM_MS);
    await this.load.untilAllAnswered(performance.now());
    const { pauseMs, longestMs } = this.load.around(from);
    const longest = Math.max(...WAYS.map((way) => longestMs[way]));
    this.waits.push({ words, pauseMs: Math.max(...WAYS.map((way) => pauseMs[way])), longestMs: longest });
    const waits = WAYS.map((way) => `${way} ${longestMs[way].toFixed(0)}`).join(", ");
    const pauses = WAYS.map((way) => `${way} ${pauseMs[way].toFixed(0)}`).join(", ");
    console.log(
      `  ${words}: pauses ${pauses} ms; longest waits ${waits} ms, before it ${before.toFixed(0)} ms${
        longest > AIM_MS ? " LONGER THAN WANTED" : ""
      }`,
    );
  }
}

/** Runs the rounds. Returns the exit code. */
export async function epochRounds({ rounds, callers, hasTrace }: EpochRounds): Promise<number> {
  return await inFolder(async (folder) => {
    const machine = `${folder}/machine.js`;
    await Deno.writeTextFile(machine, versionsModule(rounds + 1));
    const members = new MemberProcesses(folder);
    let changes: Changes | undefined;
    try {
      await members.found(NAMES, 32, "--machine", machine);
      changes = new Changes(members, { callers, machine });
      for (let round = 1; round <= rounds; round++) {
        console.log(`round ${round}`);
        await changes.round(round);
      }
    } finally {
      await changes?.load.stop();
      await members.close();
    }
    const { load: { errors, retries }, waits } = changes;
    for (const error of errors) console.log(`error: ${error}`);
    if (hasTrace) {
      for (const [id, { out }] of members.running) for (const line of out.all) console.log(`${id}: ${line}`);
    }
    const figures = (["pauseMs", "longestMs"] as const).map((figure) => {
      const { median, max } = spread(waits.map((wait) => wait[figure]));
      return `${figure} ${median.toFixed(0)} / ${max.toFixed(0)}`;
    });
    const long = waits.filter(({ longestMs }) => longestMs > AIM_MS).length;
    console.log(
      `${waits.length} changes, ${long} with a wait of more than ${AIM_MS} ms, ${errors.length} errors, ${retries.length} ` +
        `questions asked again at another gateway; median / max: ${figures.join(", ")}`,
    );
    return long === 0 && errors.length === 0 ? 0 : 1;
  });
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
