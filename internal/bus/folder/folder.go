// Package folder keeps the data folder of the embedded server for one process, mends what the
// server cannot start with, and tells whether its disk has room.
package folder

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

const lockName = "daybook.lock"

// Lock creates the data folder and takes its lock, which the operating system frees with the
// process. The lock file holds the process's id and stays: removing it would let two processes lock
// two files of the same name.
func Lock(folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("data folder %s: %w: choose a folder that this process can write with --data", folder,
			err)
	}
	path := filepath.Join(folder, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the folder
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w: choose a folder that this process can write with --data", folder,
			err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		var owner [20]byte
		n, _ := f.ReadAt(owner[:], 0)
		err = fmt.Errorf("data folder %s is in use by the process with pid %s (lock file %s: %w): stop it, connect "+
			"to it with NATS_URL, or choose another folder with --data",
			folder, cmp.Or(string(owner[:n]), "unknown"), path, err)
		return nil, errors.Join(err, f.Close())
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data folder %s: writing %s: %w", folder, path, err), f.Close())
	}
	return f, nil
}

// Takes tries whether the disk has room for a file of so many bytes.
func Takes(folder string, bytes int) error {
	name := filepath.Join(folder, "daybook-room")
	err := os.WriteFile(name, make([]byte, bytes), 0o600)
	return errors.Join(err, os.Remove(name))
}
