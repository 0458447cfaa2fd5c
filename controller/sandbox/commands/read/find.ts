// `find`: the images that launch knows by name.
import { type Command, FORMAT } from "../../frontend/command.ts";
import { usage } from "../../failure.ts";
import { formatOf } from "../../frontend/format.ts";
import { RELEASES, type Release, findRelease, splitRemote } from "../../instances/images.ts";
import { print, qtJson, tableRow } from "../../frontend/output.ts";

export const find: Command = {
  options: [
    { long: "show-unsupported", help: "Show unsupported cloud images as well" },
    { long: "only-images", help: "Show only images" },
    { long: "only-blueprints", help: "Show only blueprints" },
    { long: "force-update", help: "Force the image information to update from the network" },
    FORMAT,
  ],
  synopsis: "[<remote:>][<string>]",
  summary: "Display available images to create instances from",
  names: () => [],
  async run(call, args) {
    if (args.positional.length > 1) throw usage("Wrong number of arguments");
    const format = formatOf(args);
    const search = args.positional[0];
    const rows = await call.request(() =>
      args.has("only-blueprints") ? [] : select(search, args.has("show-unsupported")),
    );
    if (format === "json") {
      const images = rows.map(({ key, aliases, release }) => [
        key,
        { aliases, os: "Ubuntu", release: release.title, remote: release.remote, version: release.version },
      ]);
      print(qtJson({ errors: [], "blueprints (deprecated)": {}, images: Object.fromEntries(images) }));
    } else {
      const widths = [28, 18, 17, 0];
      const lines = rows.map(({ key, aliases, release }) =>
        tableRow([key, aliases.join(","), release.version, `Ubuntu ${release.title}`], widths),
      );
      if (lines.length === 0) print("No images or blueprints found.\n");
      else print(`${tableRow(["Image", "Aliases", "Version", "Description"], widths)}${lines.join("")}\n`);
    }
    return 0;
  },
};

interface Row {
  readonly key: string;
  readonly aliases: readonly string[];
  readonly release: Release;
}

/** All that are offered, or what a search finds: under the name that was searched for, without aliases. */
function select(search: string | undefined, unsupported: boolean): readonly Row[] {
  const { remote, name } = splitRemote(search ?? "");
  const prefix = (release: Release): string => (release.remote ? `${release.remote}:` : "");
  if (name !== "") {
    const release = findRelease(remote, name);
    return release ? [{ key: `${prefix(release)}${name}`, aliases: [], release }] : [];
  }
  return RELEASES.filter((it) => it.shown === "always" || (unsupported && it.shown === "unsupported"))
    .filter((it) => remote === "" || it.remote === (remote === "release" ? "" : remote))
    .map((release) => ({
      key: `${prefix(release)}${release.names[0]}`,
      aliases: release.names.slice(1),
      release,
    }));
}
