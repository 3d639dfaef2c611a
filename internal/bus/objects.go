package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// objectChunk is the size of an object's messages, each with a sync of its own. It is well below
// the least max_payload of servers in use, 1 MiB.
const objectChunk = 512 << 10

// PutObject stores an object, replacing one of the same name. The bucket is created when it does
// not exist, with Config.Replicas.
func (b *Bus) PutObject(ctx context.Context, bucket, name string, data []byte) error {
	ctx, cancel := b.objectContext(ctx)
	defer cancel()
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
	return objectError("storing object "+name+" in bucket "+bucket, bucket, err)
}

// GetObject returns an object's content. Errors: ErrNotFound when there is no such object or
// bucket, ErrCorrupt when the content is another one than was put.
func (b *Bus) GetObject(ctx context.Context, bucket, name string) ([]byte, error) {
	ctx, cancel := b.objectContext(ctx)
	defer cancel()
	store, err := b.js.ObjectStore(ctx, bucket)
	var data []byte
	if err == nil {
		err = b.wholeObject(ctx, store, bucket, name)
	}
	if err == nil {
		data, err = store.GetBytes(ctx, name)
	}
	if err != nil {
		return nil, objectError("reading object "+name+" of bucket "+bucket, bucket, err)
	}
	return data, nil
}

// wholeObject checks for all pieces of an object: reading would wait for missing ones.
func (b *Bus) wholeObject(ctx context.Context, store jetstream.ObjectStore, bucket, name string) error {
	object, err := store.GetInfo(ctx, name)
	if err != nil {
		return err
	}
	pieces := "$O." + bucket + ".C." + object.NUID
	info, err := b.streamInfo(ctx, "OBJ_"+bucket, jetstream.WithSubjectFilter(pieces))
	if err != nil {
		return err
	}
	if have := info.State.Subjects[pieces]; have != uint64(object.Chunks) {
		return fmt.Errorf("%w: %d of its %d pieces are there; delete it", ErrCorrupt, have, object.Chunks)
	}
	return nil
}

// ListObjects returns the names of the objects in a bucket, sorted; none when there is no such
// bucket.
func (b *Bus) ListObjects(ctx context.Context, bucket string) ([]string, error) {
	ctx, cancel := b.objectContext(ctx)
	defer cancel()
	store, err := b.js.ObjectStore(ctx, bucket)
	var objects []*jetstream.ObjectInfo
	if err == nil {
		objects, err = store.List(ctx)
	}
	if errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, nil
	}
	if err != nil {
		return nil, objectError("listing bucket "+bucket, bucket, err)
	}
	names := make([]string, len(objects))
	for i, o := range objects {
		names[i] = o.Name
	}
	slices.Sort(names)
	return names, nil
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
	case errors.Is(err, ErrCorrupt):
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, jetstream.ErrDigestMismatch), errors.Is(err, jetstream.ErrInvalidDigestFormat):
		return fmt.Errorf("%s: %w: %w; delete it", what, ErrCorrupt, err)
	}
	return requestError(what, "OBJ_"+bucket, err)
}
