package bolt

import (
	"fmt"
	"syscall"
)

// unfit are the magic numbers of file systems whose locks or syncs do not hold what a journal needs, from statfs(2).
var unfit = map[uint32]string{
	0x00006969: "NFS",
	0x0000517b: "SMB",
	0xfe534d42: "SMB2",
	0xff534d42: "CIFS",
	0x65735546: "FUSE",
	0x5346414f: "AFS",
	0x00c36400: "Ceph",
}

// checkFilesystem refuses network and FUSE file systems.
func checkFilesystem(path string) error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return fmt.Errorf("file system of %q: %w", path, err)
	}
	if name, ok := unfit[uint32(stat.Type)]; ok {
		return fmt.Errorf("%q is on a %s file system, where locks and syncs cannot be trusted: put the journal on a local disk", path, name)
	}
	return nil
}
