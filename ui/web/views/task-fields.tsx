/** One field of a task's form, as its schema says it: a line, a box, a number, a choice, a yes. */
/** @jsxImportSource preact */
import type { TaskField } from "../../client/task-form.ts";

export interface FieldProps {
  readonly field: TaskField;
  readonly value: string;
  readonly onValue: (value: string) => void;
}

export function Field({ field, value, onValue }: FieldProps) {
  const hint = `hint-${field.name}`;
  if (field.kind === "yes") {
    return (
      <label class="check field" title={field.description}>
        <input
          type="checkbox"
          checked={value === "true"}
          onChange={(e) => onValue(e.currentTarget.checked ? "true" : "")}
        />
        {label(field.name)} <small>{field.description}</small>
      </label>
    );
  }
  return (
    <div class={`field field-${field.kind}`}>
      <label for={`field-${field.name}`}>
        {label(field.name)}
        {field.required && <span aria-hidden="true"> *</span>}
      </label>
      <Input field={field} value={value} onValue={onValue} hint={hint} />
      <small id={hint}>
        {field.description}
        {field.kind === "list" && " One a line."}
        {field.kind === "pairs" && " NAME=value, one a line."}
      </small>
    </div>
  );
}

/** `filePath` as people write it: File path. */
const label = (name: string): string => {
  const words = name.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
};

function Input({ field, value, onValue, hint }: FieldProps & { readonly hint: string }) {
  const { name, kind, required, allowed, choices, fallback } = field;
  const shared = {
    name,
    id: `field-${name}`,
    class: "mono",
    required,
    value,
    "aria-describedby": hint,
    autocomplete: "off" as const,
    autocapitalize: "off" as const,
    spellcheck: false,
    placeholder: fallback || example(allowed),
  };
  if (kind === "choice") {
    return (
      <select
        name={name}
        id={`field-${name}`}
        value={value}
        aria-describedby={hint}
        onChange={(e) => onValue(e.currentTarget.value)}
      >
        <option value="">{fallback === "" ? "–" : `${fallback} (default)`}</option>
        {choices
          .filter((c) => c !== fallback)
          .map((c) => (
            <option key={c}>{c}</option>
          ))}
      </select>
    );
  }
  if (kind === "long" || kind === "list" || kind === "pairs") {
    return (
      <textarea {...shared} rows={kind === "long" ? 6 : 2} onInput={(e) => onValue(e.currentTarget.value)} />
    );
  }
  const onInput = (e: { readonly currentTarget: HTMLInputElement }) => onValue(e.currentTarget.value);
  if (kind === "number") return <input {...shared} type="number" onInput={onInput} />;
  return <input {...shared} onInput={onInput} />;
}

/** `a command such as ls -la`: what stands behind is an example. */
const example = (allowed: string): string => / such as "?([^"]+?)"?$/.exec(allowed)?.[1] ?? "";
