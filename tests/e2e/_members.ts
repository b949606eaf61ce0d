/** Members of a cluster as processes of `pbft serve`, the files of each in its own folder, and changes by `pbft members`. */
import { assertEquals } from "@std/assert";
import { main } from "../../src/cli/mod.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { PBFT } from "../cli/_dev.ts";
import { freePort } from "../tools/ports.ts";
import { Command } from "./_cluster_process.ts";

/** A member that has keys, and a place to listen. */
export interface Invited {
  readonly name: string;
  readonly publicKey: string;
  readonly url: string;
  readonly keyFile: string;
  readonly stateFile: string;
}

/** `pbft` in this process; gives what it prints. @throws if its exit code is not 0. */
export async function call(...args: string[]): Promise<string> {
  const lines: string[] = [];
  assertEquals(await main([...args, "--quiet"], (line) => lines.push(line)), 0, lines.join("\n"));
  return lines.join("\n");
}

/** The members of one cluster, in a folder. */
export class MemberProcesses {
  readonly invited = new Map<string, Invited>();
  readonly running = new Map<string, Command>();
  /** The members of the present epoch. */
  present: readonly string[] = [];
  /** The module of the program that members are started with from now on; that of this build if it is left out. */
  program: string | undefined;
  #changes = 0;
  readonly #joining = new Set<string>();

  constructor(readonly folder: string) {}

  get clusterFile(): string {
    return `${this.folder}/cluster.json`;
  }

  cluster(): ClusterFile {
    return JSON.parse(Deno.readTextFileSync(this.clusterFile));
  }

  /** Makes a key. `as`: the name of the member, if this is a further key of it. */
  invite(id: string, as = id): Invited {
    const { privateKey, publicKey } = generateKeyPair();
    const [keyFile, stateFile] = [`${this.folder}/${id}.key`, `${this.folder}/${id}.db`];
    Deno.writeTextFileSync(keyFile, privateKey, { mode: 0o600 });
    const invited = { name: as, publicKey, url: `http://127.0.0.1:${freePort()}`, keyFile, stateFile };
    this.invited.set(id, invited);
    return invited;
  }

  /** The genesis of these, and their processes. */
  async found(names: readonly string[], interval = 8, ...more: string[]): Promise<void> {
    const members = names.map((name) => this.invite(name));
    const told = members.map(({ name, url, publicKey }) => `${name}=${url},${publicKey}`);
    await call("init", ...told, "--folder", `${this.folder}/init`, "--interval", String(interval));
    await Deno.rename(`${this.folder}/init/cluster.json`, this.clusterFile);
    this.present = names;
    await Promise.all(names.map((name) => this.start(name, ...more)));
  }

  /** Starts a member's process, and waits until it serves, or waits outside. */
  async start(id: string, ...more: string[]): Promise<Command> {
    const { name, keyFile, stateFile } = this.invited.get(id)!;
    const files = ["--cluster", this.clusterFile, "--key", keyFile, "--state", stateFile];
    const isNew = !this.running.has(id);
    const command = new Command(this.program ?? PBFT, [
      "serve",
      "--name",
      name,
      ...files,
      ...(isNew ? ["--start", "new"] : []),
      ...more,
    ]);
    this.running.set(id, command);
    await command.out.find(/serving requests|waiting until this key is a member/);
    return command;
  }

  /** Starts one that is no member yet, and asks running members for the chain: it waits at its URL. */
  async startJoining(id: string, ...more: string[]): Promise<Command> {
    this.#joining.add(id);
    return await this.start(id, ...this.placeOf(id), ...more);
  }

  /** Starts one that is no member yet, with the chain in a file: it waits at its URL. */
  async startOutside(id: string, ...more: string[]): Promise<Command> {
    const chain = `${this.folder}/chain-${id}.json`;
    await call("members", "chain", chain, "--cluster", this.clusterFile, ...this.#from());
    return await this.start(id, ...this.placeOf(id), ...more);
  }

  /** The flags of a member that is not in the genesis. */
  placeOf(id: string): readonly string[] {
    const port = ["--port", new URL(this.invited.get(id)!.url).port];
    // The first one that is named is nobody.
    const [dead, alive] = [`http://127.0.0.1:${freePort()}`, this.urls()[0]!];
    if (this.#joining.has(id)) return ["--join", dead, "--join", alive, ...port];
    const chain = `${this.folder}/chain-${id}.json`;
    return exists(chain) ? ["--chain", chain, ...port] : [];
  }

  /** Stops a member as its service manager does, and starts it again. */
  async restart(id: string, ...more: string[]): Promise<Command> {
    this.running.get(id)!.kill("SIGTERM");
    assertEquals(await this.running.get(id)!.ended(), 0);
    return await this.start(id, ...this.placeOf(id), ...more);
  }

  /** Proposes, has a quorum sign, and submits; gives what is printed at the end. */
  async change(flags: readonly string[], present: readonly string[]): Promise<string> {
    const file = `${this.folder}/proposal-${this.#changes++}.json`;
    const at = [file, "--cluster", this.clusterFile];
    await call("members", "propose", ...at, ...flags, ...this.#from());
    const needed = Math.ceil((this.present.length + Math.floor((this.present.length - 1) / 3) + 1) / 2);
    for (const id of this.present.slice(-needed)) {
      await call("members", "sign", ...at, "--key", this.invited.get(id)!.keyFile);
    }
    const text = await call("members", "submit", ...at);
    this.present = present;
    return text;
  }

  /** Where the members of the present epoch are: those of the genesis may be gone. */
  #from(): readonly string[] {
    return ["--from", this.invited.get(this.present[0]!)!.url];
  }

  urls(): readonly string[] {
    return this.present.map((id) => this.invited.get(id)!.url);
  }

  /** The status of a member. */
  async status(id: string): Promise<Record<string, unknown>> {
    return await (await fetch(`${this.invited.get(id)!.url}/status`)).json();
  }

  /** For a test that fails: the status of each member, and the last lines that the processes have printed. */
  async about(): Promise<string> {
    const told = await Promise.all([...this.running].map(async ([id, { out, err }]) => {
      const signal = AbortSignal.timeout(5_000);
      const asked = fetch(`${this.invited.get(id)!.url}/status`, { signal }).then((answer) => answer.text());
      const status = await asked.catch(String);
      return [`${id}: ${status}`, ...out.all.slice(-8), ...err.all.slice(-8)].join("\n  ");
    }));
    return told.join("\n");
  }

  async close(): Promise<void> {
    for (const command of this.running.values()) command.kill("SIGTERM");
    await Promise.all([...this.running.values()].map((command) => command.ended()));
  }
}

/** Whether there is such a file. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
