/** schedule.ts: what is due, in which time zone, across both changes of the clock, and how the snapshots are called. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { run } from "../base/process/exec.ts";
import { dueInstant, latestInstant, nextInstant, scheduledName } from "./schedule.ts";

const VIENNA = "Europe/Vienna";
const at = (text: string): number => Date.parse(text);
const iso = (instant: number | null): string | null =>
  instant === null ? null : new Date(instant).toISOString();
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

describe("the time zone of the process", () => {
  for (const [tz, zone] of [
    ["", "UTC"],
    ["Nowhere/Atall", "UTC"],
    [":nonsense", "UTC"],
    [VIENNA, VIENNA],
  ] as const)
    it(`is ${zone} for TZ=${JSON.stringify(tz)}, and schedules use it`, async () => {
      const module = JSON.stringify(new URL("./schedule.js", import.meta.url).href);
      const code = `import { latestInstant, localTimeZone, scheduledName } from ${module};
        const timeZone = localTimeZone();
        const at = latestInstant({ cron: "0 3 * * *", timeZone }, 1.8e12);
        console.log(timeZone, new Date(at).getHours(), scheduledName("x", at, timeZone));`;
      const argv = ["--input-type=module", "-e", code];
      const { stdout, stderr } = await run(process.execPath, argv, { env: { TZ: tz }, deadlineMs: 60_000 });
      assert.match(stdout, new RegExp(`^${zone} 3 x-\\d{8}-0300\n$`), stderr);
    });
});

describe("a run is due", () => {
  const nightly = { cron: "0 3 * * *", timeZone: "UTC" };

  it("at its instant and after it, until it is taken", () => {
    const last = at("2026-11-21T03:00:00Z");
    assert.equal(dueInstant(nightly, last, at("2026-11-22T02:59:59.999Z")), null);
    for (const now of ["2026-11-22T03:00:00Z", "2026-11-22T03:00:00.500Z", "2026-11-22T20:00:00Z"])
      assert.equal(iso(dueInstant(nightly, last, at(now))), "2026-11-22T03:00:00.000Z", now);
    assert.equal(dueInstant(nightly, at("2026-11-22T03:00:00Z"), at("2026-11-22T20:00:00Z")), null);
  });

  it("once, however many were missed", () => {
    const due = dueInstant(nightly, at("2026-11-02T03:00:00Z"), at("2026-11-22T09:00:00Z"));
    assert.equal(iso(due), "2026-11-22T03:00:00.000Z");
    assert.equal(dueInstant(nightly, due ?? 0, at("2026-11-22T09:00:00Z")), null);
  });

  it("never of a date that does not exist, and never when the clock was set back", () => {
    assert.equal(dueInstant({ cron: "0 0 30 2 *", timeZone: "UTC" }, 0, at("2026-11-22T09:00:00Z")), null);
    assert.equal(dueInstant(nightly, at("2026-11-22T09:00:00Z"), at("2026-11-20T09:00:00Z")), null);
  });

  it("by the clock on the wall of its time zone", () => {
    const due = (timeZone: string) =>
      iso(latestInstant({ cron: "0 3 * * *", timeZone }, at("2026-07-22T12:00:00Z")));
    assert.equal(due(VIENNA), "2026-07-22T01:00:00.000Z");
    assert.equal(due("Asia/Kolkata"), "2026-07-21T21:30:00.000Z");
    assert.equal(
      iso(nextInstant({ cron: "0 3 * * *", timeZone: VIENNA }, at("2026-11-22T12:00:00Z"))),
      "2026-11-23T02:00:00.000Z",
    );
  });
});

describe("where the clock is changed", () => {
  const daily = { cron: "30 2 * * *", timeZone: VIENNA };

  it("a run in the hour that is left out comes when it is over, once", () => {
    const before = at("2026-03-28T01:30:00Z");
    assert.equal(dueInstant(daily, before, at("2026-03-29T00:59:00Z")), null);
    const due = dueInstant(daily, before, at("2026-03-29T12:00:00Z"));
    assert.equal(iso(due), "2026-03-29T01:00:00.000Z");
    assert.equal(dueInstant(daily, due ?? 0, at("2026-03-29T23:59:00Z")), null);
    assert.equal(scheduledName("clean", due ?? 0, VIENNA), "clean-20260329-0300");
  });

  /** All runs of a stretch, taken as they become due minute by minute, and found again from each to the next. */
  const runs = (cron: string, timeZone: string, from: string, to: string): readonly string[] => {
    const schedule = { cron, timeZone };
    const taken: number[] = [];
    let last = at(from);
    for (let now = last; now <= at(to); now += MINUTE) {
      const due = dueInstant(schedule, last, now);
      if (due === null) continue;
      assert.equal(due, now, "late");
      assert.equal(due, nextInstant(schedule, last), "not the one that was announced");
      taken.push(due);
      last = due;
    }
    return taken.map((instant) => new Date(instant).toISOString().slice(11, 16));
  };

  for (const [what, cron, spring, autumn] of [
    ["a single value", "30 2 * * *", ["01:00"], ["00:30"]],
    ["a list of hours", "0 2,14 * * *", ["01:00", "12:00"], ["00:00", "13:00"]],
    ["a step of minutes", "*/30 2 * * *", ["01:00"], ["00:00", "00:30"]],
    ["a list of minutes", "15,45 2 * * *", ["01:00"], ["00:15", "00:45"]],
    ["a range of hours", "0 1-3 * * *", ["00:00", "01:00"], ["23:00", "00:00", "02:00"]],
    ["a range and minutes", "30 2-3 * * *", ["01:00", "01:30"], ["00:30", "02:30"]],
    ["a step of hours", "0 2-20/6 * * *", ["01:00", "06:00", "12:00"], ["00:00", "07:00", "13:00"]],
    ["a step of a range", "20 0-4/2 * * *", ["23:20", "01:00", "02:20"], ["22:20", "00:20", "03:20"]],
  ] as const)
    it(`no run of ${what} is lost in spring and none comes twice in autumn: ${cron}`, () => {
      assert.deepEqual(runs(cron, VIENNA, "2026-03-28T22:30:00Z", "2026-03-29T14:00:00Z"), spring);
      assert.deepEqual(runs(cron, VIENNA, "2026-10-24T22:10:00Z", "2026-10-25T14:00:00Z"), autumn);
    });

  it("in zones that change at midnight, by half an hour, and south of the equator", () => {
    const zones = [
      ["0,30 0 * * *", "America/Santiago", "2026-09-06T03:00:00Z", "2026-09-06T12:00:00Z", ["04:00"]],
      [
        "10 2,3 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T15:00:00Z",
        "2026-10-03T20:00:00Z",
        ["15:30", "16:10"],
      ],
      [
        "45 1,2 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T14:00:00Z",
        "2026-04-04T20:00:00Z",
        ["14:45", "16:15"],
      ],
      ["30 2 * * 0", "America/New_York", "2026-03-08T05:00:00Z", "2026-03-08T20:00:00Z", ["07:00"]],
    ] as const;
    for (const [cron, zone, from, to, wanted] of zones)
      assert.deepEqual(runs(cron, zone, from, to), wanted, zone);
  });

  it("a run in the hour that comes twice comes once", () => {
    const first = dueInstant(daily, at("2026-10-24T12:00:00Z"), at("2026-10-25T00:45:00Z"));
    assert.equal(iso(first), "2026-10-25T00:30:00.000Z");
    assert.equal(dueInstant(daily, first ?? 0, at("2026-10-25T23:00:00Z")), null);
  });

  it("one of every half hour comes each time, and no two have the same name", () => {
    const often = { cron: "*/30 * * * *", timeZone: VIENNA };
    const names: string[] = [];
    let last = at("2026-10-24T23:30:00Z");
    for (let now = last; now <= at("2026-10-25T02:30:00Z"); now += MINUTE) {
      const due = dueInstant(often, last, now);
      if (due === null) continue;
      names.push(scheduledName("s", due, VIENNA));
      last = due;
    }
    assert.deepEqual(names, [
      "s-20261025-0200",
      "s-20261025-0230",
      "s-20261025-0200-2",
      "s-20261025-0230-2",
      "s-20261025-0300",
      "s-20261025-0330",
    ]);
  });
});

it("however the machine sleeps: never twice, never before its time, and the newest is never missed", () => {
  const crons = [
    "0 2,14 * * *",
    "*/30 2 * * *",
    "0 1-3 * * *",
    "0 3 * * *",
    "*/20 * * * *",
    "30 2 * * 0",
    "0 0 1 * *",
    "15 4,16 * * 1-5",
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...crons),
      fc.constantFrom("UTC", VIENNA, "America/New_York", "Australia/Lord_Howe"),
      fc.array(fc.integer({ min: 1, max: 20 * DAY }), { minLength: 1, maxLength: 8 }),
      (cron, timeZone, gaps) => {
        const schedule = { cron, timeZone };
        let now = at("2026-01-01T00:00:00Z");
        let last = now;
        const taken = new Set<string>();
        for (const gap of gaps) {
          now += gap;
          const due = dueInstant(schedule, last, now);
          assert.equal(due, dueInstant(schedule, last, now));
          if (due === null) {
            assert.ok((latestInstant(schedule, now) ?? 0) <= last);
            continue;
          }
          assert.ok(due > last && due <= now);
          assert.equal(due, latestInstant(schedule, now));
          const next = nextInstant(schedule, due);
          assert.ok(next === null || next > now, "a newer one was missed");
          const name = scheduledName("s", due, timeZone);
          assert.ok(!taken.has(name), name);
          taken.add(name);
          last = due;
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
