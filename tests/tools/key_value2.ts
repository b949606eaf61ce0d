/**
 * A second version of the key-value machine, for tests of migrations.
 * @module
 */
import { KeyValue } from "../../src/machines/mod.ts";

/** The same machine by another version. */
export class KeyValue2 extends KeyValue {
  override readonly version: string = "key-value/2";
}
