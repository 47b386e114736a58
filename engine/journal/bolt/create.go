package bolt

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/firebreak-ir/firebreak/engine/journal"
)

const pageSize = 4096

// create makes an empty store beside path and gives it its name in one step, so that a file at path is always a whole store: one that
// is empty or half made is damage, never a beginning. When another process made the store first, theirs stands.
func create(path string, o Options) (err error) {
	if o.ID == "" {
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			return err
		}
		o.ID = hex.EncodeToString(id[:])
	}
	origin, err := journal.Origin(o.Org, o.ID, 1)
	if err != nil {
		return err
	}
	head, err := journal.SignCheckpoint(o.Signer, origin, 0, new(journal.Frontier).Root())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	draft := f.Name()
	defer func() { err = errors.Join(err, os.Remove(draft)) }()
	if err := f.Close(); err != nil {
		return err
	}

	db, err := bbolt.Open(draft, 0o600, &bbolt.Options{PageSize: pageSize, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range bucketNames {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(bucketMeta))
		return errors.Join(
			meta.Put([]byte(metaFormat), []byte(formatName)),
			meta.Put([]byte(metaGenesis), []byte(o.Signer.Verifier())),
			meta.Put([]byte(metaEpoch), encodeEpoch(0)),
			meta.Put([]byte(metaHead), head.Note),
		)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Link(draft, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("give the new store its name: %w", err)
	}
	return syncDir(path)
}

// organization is the second part of an origin.
func organization(origin string) string {
	parts := strings.Split(origin, "/")
	if len(parts) != 4 {
		return ""
	}
	return parts[1]
}
