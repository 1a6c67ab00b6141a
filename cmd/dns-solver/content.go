package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// contents are settings that hold what a file has, where a provider wants the path of one: the variable that it
// is given instead names a file in memory, of this process alone.
var contents = map[string]string{ //nolint:gosec // G101: they are names of variables.
	"AWS_WEB_IDENTITY_TOKEN":  "AWS_WEB_IDENTITY_TOKEN_FILE",
	"HYPERONE_PASSPORT":       "HYPERONE_PASSPORT_LOCATION",
	"INFOBLOX_CA_CERTIFICATE": "INFOBLOX_CA_CERTIFICATE",
	"TRANSIP_PRIVATE_KEY":     "TRANSIP_PRIVATE_KEY_PATH",
}

// setVariable sets a variable of the environment, or one that names a file with the value.
func setVariable(name, value string) error {
	if of, isContent := contents[name]; isContent {
		path, err := inMemory(value)
		if err != nil {
			return fmt.Errorf("variable %q cannot be handed on: %w", name, err)
		}
		name, value = of, path
	}
	if err := os.Setenv(name, value); err != nil {
		// The error of the call is not shown: it might hold the value.
		return fmt.Errorf("variable %q cannot be set: its name or value has a character that an environment cannot hold", name)
	}
	return nil
}

func inMemory(content string) (string, error) {
	descriptor, err := unix.MemfdCreate("content", unix.MFD_CLOEXEC)
	if err != nil {
		return "", err
	}
	// It stays open for the life of the process.
	file := os.NewFile(uintptr(descriptor), "content")
	if _, err := file.WriteString(content); err != nil {
		return "", err
	}
	open = append(open, file)
	return fmt.Sprintf("/proc/self/fd/%d", descriptor), nil
}

// open keeps files from being closed by the garbage collector, for the life of the process.
var open []*os.File
