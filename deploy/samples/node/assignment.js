// The bucket of a viewer, of 10,000, which determines holdout, exclusion group and arm (schemas/assignment.py).
// Reads lines of salt, tab, viewer id; prints the bucket of each.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

function bucket(salt, viewerId) {
  const digest = createHash("sha256").update(`${salt}\x1f${viewerId}`, "utf8").digest();
  return Number(digest.readBigUInt64BE(0) % 10000n);
}

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const [salt, viewerId] = line.split("\t");
  console.log(bucket(salt, viewerId));
}
