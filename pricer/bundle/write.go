package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// manifest names every file but itself and the signature.
type manifest struct {
	Format string `json:"format"`
	Files  []file `json:"files"` // by name
}

type file struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// signature is over the bytes of manifest.json.
type signature struct {
	Algorithm   string `json:"algorithm"`
	Fingerprint string `json:"fingerprint"`
	PublicKey   []byte `json:"public_key"`
	Signature   []byte `json:"signature"`
}

const algorithm = "ed25519"

// part is a file with its text.
type part struct {
	name string
	text []byte
}

// Write writes a bundle, signed unless the key is nil: the same one for the same contents and key.
// Errors: ErrTooLarge, and those of w.
func Write(w io.Writer, c *Contents, key ed25519.PrivateKey) error {
	parts, err := c.parts()
	if err != nil {
		return err
	}
	m := manifest{Format: manifestFormat}
	all := 0
	for _, p := range parts {
		all += len(p.text)
		if int64(len(p.text)) > most(p.name) || all > maxAll || len(parts) > maxFiles-2 || // manifest and signature
			bytes.Count(p.text, []byte("\n")) > maxLines {
			return ErrTooLarge
		}
		sum := sha256.Sum256(p.text)
		m.Files = append(m.Files, file{p.name, int64(len(p.text)), hex.EncodeToString(sum[:])})
	}
	text, err := indented(m)
	if err != nil {
		return err
	}
	parts = append(parts, part{fileManifest, text})
	if key != nil {
		signed, err := indented(sign(text, key))
		if err != nil {
			return err
		}
		parts = append(parts, part{fileSignature, signed})
	}
	return archive(w, parts)
}

// parts are the files but for manifest and signature, by name.
func (c *Contents) parts() ([]part, error) {
	terms, err := indented(c.Terms)
	if err != nil {
		return nil, err
	}
	chains, err := indented(c.Chains)
	if err != nil {
		return nil, err
	}
	parts := []part{
		{fileReadme, []byte(readme(&c.Statement))},
		{fileChains, chains},
		{fileEntries, c.Entries},
		{fileFacts, c.Facts},
		{fileSpans, c.Spans},
		{fileStatement, append(c.Statement.AppendJSON(nil), '\n')},
		{fileTerms, terms},
	}
	for digest, text := range c.Catalogues {
		parts = append(parts, part{priceFile(digest), []byte(text)})
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.name, b.name) })
	return parts, nil
}

func priceFile(digest string) string { return folderPrices + digest + ".yaml" }

func sign(text []byte, key ed25519.PrivateKey) signature {
	public := key.Public().(ed25519.PublicKey) //nolint:errcheck // by its contract
	return signature{algorithm, Fingerprint(public), public, ed25519.Sign(key, text)}
}

// archive writes the files, sorted by name.
func archive(w io.Writer, parts []part) error {
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.name, b.name) })
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	for _, p := range parts {
		h := tar.Header{
			Name: p.name, Size: int64(len(p.text)), Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		}
		if err := t.WriteHeader(&h); err != nil {
			return fmt.Errorf("writing %s of the bundle: %w", p.name, err)
		}
		if _, err := t.Write(p.text); err != nil {
			return fmt.Errorf("writing %s of the bundle: %w", p.name, err)
		}
	}
	if err := cmp.Or(t.Close(), z.Close()); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	return nil
}

// indented is JSON for people, in one form.
func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }
