/**
 * The certificate of hub, API and dashboard: read and checked at the start, so that a bad one is reported before the
 * first connection.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { EXIT, VmAgentError } from "./errors.ts";
import { readPlainFile } from "./plain-file.ts";

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Tls {
  /** PEM: the certificate with its intermediates. */
  readonly cert: string;
  readonly key: string;
  /** SHA-256 of the certificate in lower-case hex, by which runtimes and commands pin the hub. */
  readonly fingerprint: string;
}

/** Errors: `tls-unreadable`, `tls-invalid`, `tls-key-mismatch`, `tls-expired`, `tls-not-yet-valid`. */
export function loadTls({ cert: certFile, key: keyFile }: TlsFiles, now: number): Tls {
  const cert = read(certFile, "certificate");
  const key = read(keyFile, "key");
  const x509 = parsed(certFile, "a certificate in PEM", () => new X509Certificate(cert));
  const secret = parsed(keyFile, "a private key in PEM without a passphrase", () => createPrivateKey(key));
  if (!x509.checkPrivateKey(secret))
    throw problem(
      "tls-key-mismatch",
      `the key ${keyFile} is not that of the certificate ${certFile}`,
      "give the pair that belongs together",
    );
  if (now > Date.parse(x509.validTo))
    throw problem(
      "tls-expired",
      `the certificate ${certFile} expired on ${x509.validTo}`,
      "renew it, then start again",
    );
  if (now < Date.parse(x509.validFrom))
    throw problem(
      "tls-not-yet-valid",
      `the certificate ${certFile} counts from ${x509.validFrom} on`,
      "check the clock, or give another certificate",
    );
  return { cert, key, fingerprint: x509.fingerprint256.replaceAll(":", "").toLowerCase() };
}

function read(path: string, what: string): string {
  try {
    return readPlainFile(path).toString("utf8");
  } catch (error) {
    throw problem(
      "tls-unreadable",
      `the ${what} cannot be read: ${(error as Error).message}`,
      "check the path and its rights for the user who runs vm-agent",
      error,
    );
  }
}

function parsed<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    // The original message may quote the file.
    throw problem(
      "tls-invalid",
      `${path} is not ${what}`,
      "give --tls-cert and --tls-key in PEM, each its own file",
      error,
    );
  }
}

const problem = (code: string, message: string, next: string, cause?: unknown): VmAgentError =>
  new VmAgentError({ code, message, next, exit: EXIT.failed, cause });
