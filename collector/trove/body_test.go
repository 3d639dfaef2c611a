package trove_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/collector/trove/notification"
)

func compressed(w func(io.Writer) io.WriteCloser, text string) []byte {
	var b bytes.Buffer
	c := w(&b)
	_, err := io.WriteString(c, text)
	if err == nil {
		err = c.Close()
	}
	if err != nil {
		panic(err) // memory takes everything
	}
	return b.Bytes()
}

func zlibbed(text string) []byte {
	return compressed(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, text)
}

func gzipped(text string) []byte {
	return compressed(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, text)
}

func zstdded(text string) []byte {
	return compressed(func(w io.Writer) io.WriteCloser {
		e, err := zstd.NewWriter(w)
		if err != nil {
			panic(err) // no option is given
		}
		return e
	}, text)
}

// bzipped is {"a":1} as the bzip2 program compresses it; Go can only read that.
const bzipped = "QlpoOTFBWSZTWTrfA2AAAAKZgBAAIBAgAAAKIAAhgAwCWwbcXckU4UJA63wNgA=="

var _ = Describe("The body of a message", func() {
	const header = "application/x-gzip" // as kombu writes it, whatever it compressed with

	DescribeTable("is decompressed by what it is", func(body []byte, compression string) {
		Expect(new(notification.Decoder).Text(body, compression)).To(BeEquivalentTo(create))
	},
		Entry("plain", []byte(create), ""),
		Entry("plain, in spite of the header", []byte(create), header),
		Entry("zlib under kombu's header for gzip", zlibbed(create), header),
		Entry("zlib without a header", zlibbed(create), ""),
		Entry("gzip", gzipped(create), header),
		Entry("gzip without a header", gzipped(create), ""),
		Entry("zstd", zstdded(create), "application/zstd"),
	)

	It("is read as kombu compressed it", func() {
		capture, err := os.ReadFile("testdata/compressed_by_kombu.b64")
		Expect(err).NotTo(HaveOccurred())
		body, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(capture)))
		Expect(err).NotTo(HaveOccurred())
		Expect(new(notification.Decoder).Text(body,
			header)).To(BeEquivalentTo(lineOf("testdata/variants_v1_gzip_v2.jsonl", 1)))
	})

	It("may be bzip2, which kombu offers, too", func() {
		body, err := base64.StdEncoding.DecodeString(bzipped)
		Expect(err).NotTo(HaveOccurred())
		Expect(new(notification.Decoder).Text(body, "application/x-bz2")).To(BeEquivalentTo(`{"a":1}`))
	})

	DescribeTable("is refused, with what is wrong", func(body []byte, compression, message string) {
		_, err := new(notification.Decoder).Text(body, compression)
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("cut off", zlibbed(create)[:60], header, "zlib and was cut off after"),
		Entry("cut off, gzip", gzipped(create)[:60], header, "gzip and was cut off after"),
		Entry("damaged", flipped(zlibbed(create)), header, "zlib and damaged"),
		Entry("compressed in a way that nobody here knows", []byte("\xfd7zXZ\x00"), "application/x-lzma",
			`the header compression says "application/x-lzma"`),
		Entry("zstd, and cut off", zstdded(create)[:60], "application/zstd", "zstd and was cut off after"),
		Entry("too large", make([]byte, notification.MaxBody+1), "", "the body has 4194305 bytes: at most 4194304 "+
			"are read"),
		Entry("small, and too large inside", zlibbed(strings.Repeat(" ", notification.MaxBody+1)), header,
			"decompresses to more than 4194304 bytes"),
		Entry("gzip, and too large inside", gzipped(strings.Repeat(" ", 3*notification.MaxBody)), header,
			"decompresses to more than 4194304 bytes"),
	)

	It("may have the largest size", func() {
		text := strings.Repeat(" ", notification.MaxBody)
		Expect(new(notification.Decoder).Text(zlibbed(text), header)).To(HaveLen(notification.MaxBody))
	})
})

// flipped changes the last byte, which belongs to the checksum.
func flipped(b []byte) []byte {
	b[len(b)-1] ^= 1
	return b
}

func lineOf(file string, n int) []byte {
	GinkgoHelper()
	text, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	return bytes.Split(text, []byte("\n"))[n]
}

// TestBodiesOneAfterAnother: what came before does not matter to a body, damaged ones included.
func TestBodiesOneAfterAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		decode := new(notification.Decoder).Text
		for range rapid.IntRange(1, 8).Draw(t, "bodies") {
			text := `{"a":"` + rapid.StringN(0, 200, 400).Draw(t, "text") + `"}`
			body := []byte(text)
			switch rapid.IntRange(0, 3).Draw(t, "compression") {
			case 1:
				body = zlibbed(text)
			case 2:
				body = gzipped(text)
			case 3:
				body = zstdded(text)
			}
			if rapid.Bool().Draw(t, "damage it") && len(body) != len(text) {
				if got, err := decode(body[:len(body)-1], ""); err == nil {
					t.Fatalf("a body that was cut off is %q", got)
				}
				continue
			}
			got, err := decode(body, "")
			if err != nil || string(got) != text {
				t.Fatalf("got %q, %v of %q", got, err, text)
			}
		}
	})
}
