package bus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// objectChunk is the size of an object's messages, each with a sync of its own. It is well below
// the least max_payload of servers in use, 1 MiB.
const objectChunk = 512 << 10

// PutObject stores an object, replacing one of the same name. The bucket is created when it does
// not exist, with Config.Replicas. The error is a *RoomError when there is no room; PutObject does
// not wait for it.
//
// A user without the permission gets ErrDenied at once.
func (b *Bus) PutObject(ctx context.Context, bucket, name string, data []byte) (err error) {
	caller := ctx
	defer func() { err = b.roomFor(caller, "OBJ_"+bucket, err) }()
	ctx, cancel := b.objectContext(ctx)
	defer cancel()
	for _, subject := range []string{"$O." + bucket + ".>", apiPrefix + "STREAM.CREATE.OBJ_" + bucket} {
		var release func()
		ctx, release = b.asking(ctx, subject) //nolint:fatcontext // two of them
		defer release()
	}
	store, err := b.js.ObjectStore(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		store, err = b.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket: bucket, Storage: jetstream.FileStorage, Replicas: b.cfg.Replicas,
		})
		if errors.Is(err, jetstream.ErrBucketExists) { // somebody else was faster
			store, err = b.js.ObjectStore(ctx, bucket)
		}
	}
	if err == nil {
		meta := jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: objectChunk}}
		_, err = store.Put(ctx, meta, bytes.NewReader(data))
	}
	return objectError("storing object "+name+" in bucket "+bucket, bucket, deniedOr(ctx, err))
}

// GetObject returns an object's content. Errors: ErrNotFound when there is no such object or
// bucket, ErrCorrupt when the content is another one than was put, or the server cannot deliver it.
//
// Each piece is a request of its own: a subscription would wait for a piece that the server counts
// and cannot deliver.
func (b *Bus) GetObject(ctx context.Context, bucket, name string) ([]byte, error) {
	ctx, cancel := b.objectContext(ctx)
	defer cancel()
	stream := "OBJ_" + bucket
	what := "reading object " + name + " of bucket " + bucket
	query, err := json.Marshal(map[string]string{
		"last_by_subj": "$O." + bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name)),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	meta, err := b.getFromLeader(ctx, what, stream, query)
	if err != nil {
		return nil, err
	}
	var object jetstream.ObjectInfo
	if err := json.Unmarshal(meta.Data, &object); err != nil {
		return nil, fmt.Errorf("%s: %w: %w; delete it", what, ErrCorrupt, err)
	}
	if object.Deleted {
		return nil, fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	data, err := b.pieces(ctx, what, stream, "$O."+bucket+".C."+object.NUID, int(object.Chunks))
	if err != nil {
		return nil, err
	}
	want, err := jetstream.DecodeObjectDigest(object.Digest)
	if got := sha256.Sum256(data); err != nil || !bytes.Equal(got[:], want) {
		return nil, fmt.Errorf("%s: %w: its content has another digest than was recorded; delete it", what, ErrCorrupt)
	}
	return data, nil
}

// pieces reads the messages of an object, by subject.
func (b *Bus) pieces(ctx context.Context, what, stream, subject string, count int) (data []byte, err error) {
	next := uint64(1)
	for have := range count {
		query, err := json.Marshal(map[string]any{"seq": next, "next_by_subj": subject})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		m, err := b.get(ctx, what, stream, query)
		if errors.Is(err, ErrNotFound) || err == nil && m.Subject != subject {
			return nil, fmt.Errorf("%s: %w: the server delivers %d of its %d pieces; delete it", what, ErrCorrupt, have,
				count)
		}
		if err != nil {
			return nil, err
		}
		data = append(data, m.Data...)
		next = m.Sequence + 1
	}
	return data, nil
}

// ListObjects returns the names of the objects in a bucket, sorted; none when there is no such
// bucket. An object with a damaged name is left out.
func (b *Bus) ListObjects(ctx context.Context, bucket string) ([]string, error) {
	ctx, cancel := b.objectContext(ctx)
	defer cancel()
	var names []string
	err := b.Latest(ctx, "OBJ_"+bucket, []string{"$O." + bucket + ".M.>"}, func(m *Stored) error {
		var object jetstream.ObjectInfo
		if json.Unmarshal(m.Data, &object) == nil && !object.Deleted {
			names = append(names, object.Name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("listing bucket %s: %w", bucket, err)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// DeleteObject deletes an object; ErrNotFound when there is no such object or bucket.
func (b *Bus) DeleteObject(ctx context.Context, bucket, name string) error {
	ctx, cancel := b.objectContext(ctx)
	defer cancel()
	store, err := b.js.ObjectStore(ctx, bucket)
	if err == nil {
		err = store.Delete(ctx, name)
	}
	return objectError("deleting object "+name+" of bucket "+bucket, bucket, err)
}

// objectRequests is how many request timeouts an object may take, for it travels in pieces.
const objectRequests = 12

func (b *Bus) objectContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, objectRequests*b.cfg.Timeout)
}

func objectError(what, bucket string, err error) error {
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound), errors.Is(err, jetstream.ErrObjectNotFound):
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return requestError(what, "OBJ_"+bucket, err)
}
