// The client's and the daemon's settings, apart from those of instances.
import { readJson, writeJson } from "./files.ts";
import { inState } from "./paths.ts";

export const SETTINGS = {
  "client.primary-name": "primary",
  "local.bridged-network": "",
  "local.driver": "qemu",
  "local.image.mirror": "",
  "local.passphrase": "",
  "local.privileged-mounts": "true",
} as const;

export type SettingKey = keyof typeof SETTINGS;

type Stored = Partial<Record<SettingKey, string>>;

const file = (): string => inState("settings.json");

export function isSetting(key: string): key is SettingKey {
  return Object.hasOwn(SETTINGS, key);
}

export function setting(key: SettingKey): string {
  return readJson<Stored>(file())?.[key] ?? SETTINGS[key];
}

export function saveSetting(key: SettingKey, value: string): void {
  writeJson(file(), { ...readJson<Stored>(file()), [key]: value });
}

export const primaryName = (): string => setting("client.primary-name");
