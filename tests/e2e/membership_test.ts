/** The procedures of docs/operate.md that change the members, on one cluster of processes under load. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../src/client/mod.ts";
import { inFolder } from "../tools/folder.ts";
import { busy as bothGoOn, byClient, byReq } from "./_counting.ts";
import { eventually } from "./_cluster_process.ts";
import { call, exists, MemberProcesses } from "./_members.ts";

Deno.test("all members are replaced one after another under load, a key is rotated, one is added and removed: no error, nothing lost", async () => {
  await inFolder(async (folder) => {
    const members = new MemberProcesses(folder);
    const names = ["Apple", "Ball", "Candy", "Dog"];
    try {
      await members.found(names);
      const library = byClient(members.cluster());
      const req = byReq(() => members.urls());
      const busy = () => bothGoOn({ library, req }, () => members.about());
      await busy();

      // Replace: the new one waits outside; the old one stops by itself.
      for (const [i, name] of ["Eagle", "Fig", "Goat", "Hat"].entries()) {
        const old = names[i]!;
        const { publicKey, url } = members.invite(name);
        // Fig and Hat are told whom to ask; by Hat's turn one member of the genesis is left.
        if (i % 2 === 1) await members.startJoining(name, "--approve-rotations");
        else await members.startOutside(name, "--approve-rotations");
        const present = [...members.present].map((one) => one === old ? name : one);
        const text = await members.change(["--replace", `${old}:${name}=${publicKey}@${url}`], present);
        assertMatch(text, new RegExp(`^epoch ${i + 1} is in force, from number \\d+ on`));
        await busy();
        assertEquals(await members.running.get(old)!.ended(), 0);
        const { all } = members.running.get(old)!.out;
        assert(all.some((line) => line.includes(`is no member in epoch ${i + 1}`)), all.join("\n"));
        assertMatch(all.at(-1)!, new RegExp(`stopped: the cluster goes on in epoch ${i + 1} at .*${name}=${url}`));
      }

      // Rotate a key: the new key has a process, a state and a URL of its own.
      const { publicKey, url } = members.invite("Hat-2", "Hat");
      await members.startOutside("Hat-2");
      await members.change(["--key", `Hat=${publicKey}`, "--url", `Hat=${url}`], ["Eagle", "Fig", "Goat", "Hat-2"]);
      assertEquals(await members.running.get("Hat")!.ended(), 0);
      await busy();

      // A key on a schedule: the process changes it by itself, at its address, and goes on with it after a restart.
      const { keyFile, stateFile } = members.invited.get("Fig")!;
      const before = Deno.readTextFileSync(keyFile);
      const fig = await members.restart("Fig", "--rotate-key-every", "1s");
      await fig.out.find(/this member has a new key/);
      const after = Deno.readTextFileSync(keyFile).trim();
      assert(after !== before.trim());
      assertEquals([exists(stateFile), fig.out.all.some((line) => line.includes(after))], [false, false]);
      await busy();
      await members.restart("Fig", "--approve-rotations");
      assertEquals((await members.status("Fig")).epoch, 6);
      await busy();

      // Add one, change limits in the same step, and remove it again.
      const ivy = members.invite("Ivy");
      await members.startOutside("Ivy");
      const more = ["--add", `Ivy=${ivy.publicKey}@${ivy.url}`, "--limit", "maxSessions=2048"];
      await members.change(more, [...members.present, "Ivy"]);
      await eventually("Ivy takes part", async () => (await members.status("Ivy")).ready === true);
      assertEquals((await members.status("Ivy")).epoch, 7);
      await busy();
      await members.change(["--remove", "Ivy"], members.present.slice(0, -1));
      await busy();
      assertEquals(await members.running.get("Ivy")!.ended(), 0);

      await Promise.all([library.stop(), req.stop()]);
      assertEquals([...library.errors, ...req.errors], []);
      // Somebody who knows only the genesis, whose members are all gone, is told where one is.
      const list = JSON.parse(
        await call("members", "list", "--cluster", members.clusterFile, "--from", members.urls()[0]!, "--json"),
      );
      assertEquals([list.epoch, list.answering, list.limits.maxSessions], [8, 4, 2048]);
      const { links } = await (await fetch(`${members.urls()[0]}/epochs`)).json();
      const chain = (links as string[]).map((link) => Uint8Array.from(atob(link), (char) => char.charCodeAt(0)));
      const reader = new Client({ cluster: members.cluster(), chain });
      assertEquals(await reader.invoke("GET by-client"), String(library.count));
      assertEquals(await reader.invoke("GET by-req"), String(req.count));
      reader.close();
      await eventually("the states are equal", async () => {
        const statuses = await Promise.all(members.present.map((id) => members.status(id)));
        return new Set(statuses.map(({ history, lastExecuted }) => `${lastExecuted} ${history}`)).size === 1 &&
          new Set(statuses.map(({ stateRoot }) => stateRoot)).size === 1;
      });
    } finally {
      await members.close();
    }
  });
});
