package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// FileName is the name [Find] looks for.
const FileName = "firebreak.yaml"

// Variable is the environment variable that names the config.
const Variable = "FIREBREAK_CONFIG"

// Find says which config is meant: the explicit one, else that of the
// environment variable FIREBREAK_CONFIG, else ./firebreak.yaml. The error is a
// sentence that says where it looked and how to get one.
func Find(explicit string) (string, error) {
	given, by := explicit, "--config"
	if given == "" {
		given, by = os.Getenv(Variable), Variable
	}
	if given != "" {
		if err := exists(given); err != nil {
			return "", fmt.Errorf("the config %q that %s names %w; check the path, or run `firebreak init` to make one", given, by, err)
		}
		return given, nil
	}
	if err := exists(FileName); err != nil {
		return "", fmt.Errorf("%s in this folder %w; go to the folder that has it, name one with --config or %s, or run `firebreak init` to make one", FileName, err, Variable)
	}
	return FileName, nil
}

func exists(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("does not exist")
	case err != nil:
		return fmt.Errorf("cannot be reached: %w", err)
	case info.IsDir():
		return errors.New("is a folder")
	}
	return nil
}

// Load reads and checks a config with its directory file. All faults of both
// come at once as a [*Problems]; any other error means that the config could
// not be read. Problems name the config as path does.
func Load(path string) (*Config, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("the config %q %w; check the path, or run `firebreak init` to make one", path, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the config %q: %w", path, err)
	}
	c := readConfig(path, filepath.Dir(abs), src)
	if what, next := tooOpen(path, openFile); what != "" {
		c.fault(nil, next, "the config %s", what)
	}
	for _, f := range c.files {
		c.look(f)
	}
	d := c.loadDirectory(path, abs)
	if problems := slices.Concat(c.problems, d.problems); len(problems) > 0 {
		return nil, &Problems{List: sortProblems(problems)}
	}
	c.Warnings = sortProblems(slices.Concat(c.warnings, d.warnings))
	return &c.Config, nil
}

// loadDirectory reads the directory file and looks up what the config asks of it.
func (c *config) loadDirectory(path, abs string) *directory {
	if c.DirectoryPath == "" {
		return &directory{}
	}
	src, err := readFile(c.DirectoryPath)
	if err != nil {
		c.fault(c.at["directory"], "name the file with the people and groups; the path is relative to the folder of the config", "directory names %q, which %v", c.DirectoryPath, err)
		return &directory{}
	}
	d := readDirectory(besides(path, abs, c.DirectoryPath), src)
	if d.readable {
		c.check(d)
	}
	c.Directory = d.Directory
	return d
}

// besides names a file the way the config was named: relative to the same folder.
func besides(path, abs, file string) string {
	if filepath.IsAbs(path) {
		return file
	}
	rel, err := filepath.Rel(filepath.Dir(abs), file)
	if err != nil {
		return file
	}
	return filepath.Join(filepath.Dir(path), rel)
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("does not exist")
	case err != nil:
		return nil, fmt.Errorf("cannot be reached: %w", err)
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	case info.Size() > maxSize:
		return nil, errors.New("is larger than 1 MiB")
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return src, nil
}
