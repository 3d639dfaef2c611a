package folder

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/minio/highwayhash"
)

// A block is a file of records, each a message of a stream: a header, the subject, the headers'
// length where there are headers, headers, payload, checksum. Numbers are little endian. A record's
// header has its length, the message's sequence and time, and the subject's length.
const (
	headerSize    = 22
	sequenceAt    = 4
	sequenceSize  = 8
	subjectSizeAt = 20
	lengthSize    = 4 // of the headers' length
	checksumSize  = 8
	maxRecord     = 32 << 20 // bytes; nats-server takes no longer one

	hasHeaders uint32 = 1 << 31 // in the record's length
	erased     uint64 = 1 << 63 // in the sequence: the message was deleted
	tombstone  uint64 = 1 << 62 // in the sequence: another message was deleted
)

// MendSequences mends the sequences in the data folder of a server that is down. nats-server 2.15
// counts from each sequence of a block to the next before it compares checksums: a flipped bit
// takes all memory of the machine, at the start or at the first read.
//
// A sequence is mended where the checksum proves it to be the next one. Where it does not, the
// stream's index is removed. The server then compares all checksums of the stream, and ends the
// block before the record.
//
// A compressed block does not look like records, and has checksums that the server compares first.
// The log has each damage.
func MendSequences(folder string, log *slog.Logger) error {
	blocks, err := fs.Glob(os.DirFS(folder), "jetstream/*/streams/*/msgs/*.blk")
	if err != nil {
		return fmt.Errorf("data folder %s: listing the files of streams: %w", folder, err)
	}
	for _, name := range blocks {
		path := filepath.Join(folder, name)
		if err := mendBlock(path, log.With(slog.String("file", path))); err != nil {
			return fmt.Errorf("checking the sequences in %s: %w: check the disk, and that this process may write there",
				path, err)
		}
	}
	return nil
}

// mendBlock reads the headers of a block up to what is not a record, as the server does.
func mendBlock(path string, log *slog.Logger) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var header [headerSize]byte
	last := uint64(0)
	for offset := int64(0); offset+headerSize <= info.Size(); {
		if _, err := f.ReadAt(header[:], offset); err != nil {
			return err
		}
		length := int64(binary.LittleEndian.Uint32(header[:]) &^ hasHeaders)
		if length < headerSize+checksumSize || length > min(maxRecord, info.Size()-offset) {
			return nil
		}
		sequence := binary.LittleEndian.Uint64(header[sequenceAt:])
		if number := sequence &^ erased; sequence&tombstone == 0 {
			if last > 0 && number != last+1 {
				right, err := mendRecord(f, offset, length, last+1)
				if err != nil {
					return err
				}
				at := slog.Int64("offset", offset)
				switch right {
				case number: // messages between them were deleted
				case 0:
					log.Error("a record is damaged; the NATS server ends its file before it", at)
					return os.RemoveAll(filepath.Join(filepath.Dir(path), "index.db"))
				default:
					log.Warn("the damaged sequence of a record was mended", at)
				}
				number = right
			}
			last = max(last, number)
		}
		offset += length
	}
	return nil
}

// mendRecord returns the number that a record's checksum proves, its own or the next one, which it
// then puts into the file; otherwise 0.
func mendRecord(f *os.File, offset, length int64, next uint64) (uint64, error) {
	record := make([]byte, length)
	if _, err := f.ReadAt(record, offset); err != nil {
		return 0, err
	}
	stream := filepath.Base(filepath.Dir(filepath.Dir(f.Name())))
	key := sha256.Sum256([]byte(stream + "-" + strings.TrimSuffix(filepath.Base(f.Name()), ".blk")))
	sequence := record[sequenceAt : sequenceAt+sequenceSize]
	stored := binary.LittleEndian.Uint64(sequence)
	if proven(record, key[:]) {
		return stored &^ erased, nil
	}
	binary.LittleEndian.PutUint64(sequence, next|stored&erased)
	if !proven(record, key[:]) {
		return 0, nil
	}
	_, err := f.WriteAt(sequence, offset+sequenceAt)
	return next, errors.Join(err, f.Sync())
}

// proven compares the checksum of a record. The key is of its block.
func proven(record, key []byte) bool {
	subject := headerSize + int(binary.LittleEndian.Uint16(record[subjectSizeAt:]))
	rest, sum := subject, len(record)-checksumSize
	if binary.LittleEndian.Uint32(record)&hasHeaders != 0 {
		rest += lengthSize
	}
	if rest > sum {
		return false
	}
	hash, err := highwayhash.NewDigest64(key)
	if err != nil {
		return false
	}
	_, _ = hash.Write(record[sequenceAt:subjectSizeAt])
	_, _ = hash.Write(record[headerSize:subject])
	_, _ = hash.Write(record[rest:sum])
	return bytes.Equal(hash.Sum(nil), record[sum:])
}
