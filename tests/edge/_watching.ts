/** A client that watches and writes, wherever it runs: what it saw, as text. */
import { Client, type ClusterFile } from "../../src/client/mod.ts";

/** Writes a key twice while it watches, from the first number on, and goes on with a watch that is resumed. */
export async function watching(cluster: ClusterFile, key: string): Promise<string[]> {
  const client = new Client({ cluster });
  try {
    const seen: string[] = [];
    const first = client.watch({ key }, { from: 1 });
    await client.invoke(`SET ${key} 1`);
    for await (const event of first) {
      if (event.kind !== "change") throw new Error(`missed ${event.from} to ${event.through}`);
      seen.push(`${event.value} signed by ${event.signedBy.length}`);
      if (seen.length === 1) await client.invoke(`SET ${key} 2`);
      else break;
    }
    if (await client.query(`GET ${key}`) !== "2") throw new Error("expected 2");
    await client.invoke(`DEL ${key}`);
    for await (const event of client.watch({ key }, { from: first.resumeAt })) {
      if (event.kind === "change") seen.push(`${event.value} signed by ${event.signedBy.length}`);
      break;
    }
    return seen;
  } finally {
    client.close();
  }
}
