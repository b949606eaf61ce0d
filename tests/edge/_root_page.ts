/** A page that imports the root. */
import { Client, parseClusterText } from "../../mod.ts";

export function connect(text: string): Client {
  return new Client({ cluster: parseClusterText(text) });
}
