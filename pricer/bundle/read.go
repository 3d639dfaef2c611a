package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// lined are the files that a reader takes line by line, and does not keep.
var lined = map[string]bool{fileEntries: true, fileFacts: true}

// known are the other files but for the catalogues.
var known = map[string]bool{
	fileReadme: true, fileChains: true, fileManifest: true, fileSignature: true, fileSpans: true, fileStatement: true,
	fileTerms: true,
}

var priceFileForm = regexp.MustCompile(`^` + folderPrices + `[0-9a-f]{12}\.yaml$`)

// most is the limit of a file in bytes.
func most(name string) int64 {
	if lined[name] || name == fileSpans {
		return maxFile
	}
	return maxOther
}

// walk gives take each file of a bundle. Error: ErrUnreadable, and those of take.
func walk(r io.ReadSeeker, take func(name string, content io.Reader) error) error {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	compressed := bufio.NewReader(r)
	z, err := gzip.NewReader(compressed)
	if err != nil {
		return fmt.Errorf("it is not compressed by gzip: %w: %w", err, ErrUnreadable)
	}
	z.Multistream(false)
	if err := walkArchive(z, take); err != nil {
		return err
	}
	if n, err := io.CopyN(io.Discard, z, 1); n == 0 && !errors.Is(err, io.EOF) {
		return fmt.Errorf("its end: %w: %w", err, ErrUnreadable)
	} else if _, err := compressed.ReadByte(); n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("more stands behind its last file: %w", ErrUnreadable)
	}
	return nil
}

// Signed reports whether a bundle has a signature. It does not check any. Error: ErrUnreadable.
func Signed(r io.ReadSeeker) (signed bool, err error) {
	err = walk(r, func(name string, _ io.Reader) error {
		signed = signed || name == fileSignature
		return nil
	})
	return signed, err
}

func walkArchive(z io.Reader, take func(name string, content io.Reader) error) error {
	t := tar.NewReader(z)
	last := ""
	var all int64
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("its file behind %q: %w: %w", last, err, ErrUnreadable)
		}
		all += h.Size
		switch {
		case h.Typeflag != tar.TypeReg || !known[h.Name] && !lined[h.Name] && !priceFileForm.MatchString(h.Name):
			return fmt.Errorf("it has a file %.100q, and no bundle has one of that name: %w", h.Name, ErrUnreadable)
		case h.Name <= last:
			return fmt.Errorf("its files are not sorted by name, or come twice: %s behind %s: %w", h.Name, last,
				ErrUnreadable)
		case h.Size > most(h.Name) || all > maxAll || n >= maxFiles:
			return fmt.Errorf("%s: with %d bytes it is larger than a bundle may be (%d MiB; of all files %d MiB; "+
				"%d files): %w", h.Name, h.Size, most(h.Name)>>20, maxAll>>20, maxFiles, ErrUnreadable)
		}
		last = h.Name
		if err := take(h.Name, t); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// opened is a bundle that was read once.
type opened struct {
	files []file            // in order
	text  map[string][]byte // of all but the lined ones
}

func open(r io.ReadSeeker) (*opened, error) {
	o := &opened{text: map[string][]byte{}}
	err := walk(r, func(name string, content io.Reader) error {
		sum := sha256.New()
		var to io.Writer = sum
		var text bytes.Buffer
		if !lined[name] {
			to = io.MultiWriter(sum, &text)
		}
		n, err := io.Copy(to, content)
		if err != nil {
			return fmt.Errorf("%w: %w", err, ErrUnreadable)
		}
		o.files = append(o.files, file{name, n, hex.EncodeToString(sum.Sum(nil))})
		if !lined[name] {
			o.text[name] = text.Bytes()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{fileChains, fileManifest, fileSpans, fileStatement, fileTerms} {
		if _, has := o.text[name]; !has {
			return nil, fmt.Errorf("it has no %s: %w", name, ErrUnreadable)
		}
	}
	return o, nil
}

// strict reads a file of JSON that indented wrote; another form of the same is refused.
func (o *opened) strict(name string, to any) error {
	d := json.NewDecoder(bytes.NewReader(o.text[name]))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("%s: %w: %w", name, err, ErrUnreadable)
	}
	if again, err := indented(to); err != nil || !bytes.Equal(again, o.text[name]) {
		return fmt.Errorf("%s was not written by Daybook in this form: %w", name, ErrUnreadable)
	}
	return nil
}

// lines gives take each line of a text.
func lines(r io.Reader, take func(line []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	n := 0
	for s.Scan() {
		if n++; n > maxLines {
			return fmt.Errorf("line %d: a bundle has no more than %d: %w", n, maxLines, ErrUnreadable)
		}
		if err := take(s.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if s.Err() != nil {
		return fmt.Errorf("line %d: %w: %w", n+1, s.Err(), ErrUnreadable)
	}
	return nil
}
