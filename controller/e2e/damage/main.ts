/** `npm run damage -- --trials N --seed S`: damages databases after a kill -9, and counts what goes unsaid. */
import { randomInt } from "node:crypto";
import { runTrials } from "./trials.ts";

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};

const trials = option("trials", 1000);
const seed = option("seed", randomInt(2 ** 31));
process.stdout.write(`${trials} trials, seed ${seed}\n`);
const run = await runTrials(trials, seed, (trial, n) => {
  if (trial.outcome === "silent" || trial.faults.length > 0 || trial.unnamed.length > 0)
    process.stdout.write(
      `trial ${n}: ${JSON.stringify({ ...trial, missing: trial.missing.length, unnamed: trial.unnamed.slice(0, 5) })}\n`,
    );
  else if (n % 100 === 0) process.stdout.write(`${n} trials\n`);
});
const of = (outcome: string) => run.trials.filter((trial) => trial.outcome === outcome).length;
const harmless = run.trials.filter(({ isHarmless }) => isHarmless).length;
const faults = run.trials.flatMap((trial) => trial.faults);
const unnamed = run.trials.filter((trial) => trial.unnamed.length > 0).length;
process.stdout.write(
  `intact ${of("intact")}, reported ${of("reported")} (${harmless} with nothing missing), refused by up ${of("refused")}, silent ${of("silent")}\n` +
    `losses without a name ${unnamed}, faults ${faults.length}; ${run.kills} kills without damage: ${run.falseAlarms.length} false alarms\n`,
);
process.exitCode = of("silent") + faults.length + unnamed + run.falseAlarms.length > 0 ? 1 : 0;
