#!/usr/bin/env python3
"""Computes the statement of a bundle again, from the bundle alone: python3 recompute.py FILE.tar.gz

It checks the SHA-256 of every file, the digest over the entries, the lines as sums of entries, the
VAT rates as sums of lines, their rounding, and the totals. It does not check the signature, nor
that each charge follows from its span and price: `daybook statement verify` does.
"""
import hashlib
import json
import sys
import tarfile
from collections import defaultdict
from fractions import Fraction

# Decimal places of currencies with other than two: ISO 4217.
PLACES = {c: 0 for c in "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split()}
PLACES |= {c: 3 for c in "BHD IQD JOD KWD LYD OMR TND".split()}

KEY = ("plan", "component", "month", "unit", "currency_rate", "vat_rate", "currency")
problems = []


def check(right, what):
    if not right:
        problems.append(what)


def key(x):
    return tuple(x.get(k, "") for k in KEY)


def units(x, currency):
    """A rounded amount as a whole number of the currency's minor unit."""
    n = Fraction(x) * 10 ** PLACES.get(currency, 2)
    check(n.denominator == 1, f"{x} {currency} is not in the minor unit")
    return n


def apportioned(parts, total):
    """Whole numbers that add up to the total: by largest remainder, of equal ones the first."""
    whole = [p.numerator // p.denominator for p in parts]
    order = sorted(range(len(parts)), key=lambda i: whole[i] - parts[i])
    for i in order[:total - sum(whole)]:
        whole[i] += 1
    return whole


def main(name):
    files = {}
    entries, sums, lines, digest = 0, defaultdict(lambda: [Fraction(), Fraction()]), [], hashlib.sha256()
    with tarfile.open(name, "r:gz") as archive:
        for member in archive:
            sum256, kept = hashlib.sha256(), b""
            for text in archive.extractfile(member):
                sum256.update(text)
                if member.name == "entries.jsonl":
                    c = json.loads(text)
                    entries += 1
                    sums[key(c)][0] += Fraction(c["amount"])
                    sums[key(c)][1] += Fraction(c["vat"])
                elif member.name.endswith(".json"):
                    kept += text
            files[member.name] = (member.size, sum256.hexdigest(), kept)

    manifest = json.loads(files["manifest.json"][2])
    named = {f["name"] for f in manifest["files"]} | {"manifest.json", "signature.json"}
    for f in manifest["files"]:
        check(files.get(f["name"], ())[:2] == (f["bytes"], f["sha256"]), f"{f['name']} is not that of the manifest")
    check(set(files) <= named, "files that the manifest does not name")

    x = json.loads(files["statement.json"][2])
    check(x["digest"] == files["entries.jsonl"][1], "the digest is not that of the entries")
    check(int(x.get("entries", 0)) == entries, "the number of entries")
    lines = x.get("lines", [])
    sign = -1 if "credits" in x else 1

    said = defaultdict(lambda: [Fraction(), Fraction()])
    for line in lines:
        said[key(line)][0] += Fraction(line["amount"])
        said[key(line)][1] += Fraction(line["vat"])
    for k in set(sums) | set(said):
        check([sign * n for n in sums[k]] == said[k], f"the entries of {k} add up to something else")

    totals = defaultdict(lambda: [0, 0])
    rates = {(line["currency"], line.get("vat_rate", "")) for line in lines}
    check(sorted(rates) == [(r["currency"], r.get("vat_rate", "")) for r in x.get("rates", [])], "the VAT rates")
    for r in x.get("rates", []):
        currency, of = r["currency"], [line for line in lines if line["currency"] == r["currency"]
                                       and line.get("vat_rate", "") == r.get("vat_rate", "")]
        for i, n in enumerate(("amount", "vat")):
            exact = [sign * Fraction(line[n]) for line in of]
            check(sum(exact) == sign * Fraction(r[n]), f"the exact {n} of {currency} at {r.get('vat_rate')}")
            scaled = [e * 10 ** PLACES.get(currency, 2) for e in exact]
            rounded = round(sum(scaled))  # half-even
            check(sign * rounded == units(r["rounded_" + n], currency), f"the rounded {n} of {currency}")
            for line, part in zip(of, apportioned(scaled, rounded)):
                check(sign * part == units(line["rounded_" + n], currency), f"the rounded {n} of {key(line)}")
            totals[currency][i] += sign * rounded
    check([t["currency"] for t in x.get("totals", [])] == sorted(totals), "the currencies of the totals")
    for t in x.get("totals", []):
        net, vat = totals[t["currency"]]
        for n, value in (("amount", net), ("vat", vat), ("total", net + vat)):
            check(units(t[n], t["currency"]) == value, f"the total {n} of {t['currency']}")

    for p in problems[:20]:
        print("differs:", p)
    if problems:
        sys.exit(5)
    of = " ".join(f"{t['total']} {t['currency']}" for t in x.get("totals", [])) or "nothing"
    print(f"{x['month']}, number {x['number']}: {entries} entries, {len(lines)} lines, {of} with VAT, as stated")


if __name__ == "__main__":
    main(sys.argv[1])
