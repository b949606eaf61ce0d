/** The key of a client that must be the same at each run: its name in the cluster. */
import { generateKeyPair } from "@pbft/edge";

/** The private key in a file; a new one if there is no such file. `purpose` says why it is to be kept. */
export async function keyIn(path: string, purpose: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const { privateKey } = generateKeyPair();
    await Deno.writeTextFile(path, privateKey + "\n", { mode: 0o600, createNew: true });
    console.log(`${path}: a new key. Keep it: ${purpose}`);
    return privateKey;
  }
}
