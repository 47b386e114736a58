package http

import (
	"fmt"
	"net/netip"
	"slices"
)

// Refused says why an address is not to be dialled, or "" when it may be. What
// is refused: everything that is not a public unicast address, the addresses
// at which clouds give credentials to their machines, and IPv6 forms that carry
// such an address inside. private lists the ranges that are allowed all the
// same; a metadata address is allowed only by a range that holds nothing else.
func Refused(addr netip.Addr, private []netip.Prefix) string {
	if !addr.IsValid() || addr.Zone() != "" {
		return "is no plain IP address"
	}
	addr = addr.Unmap()
	opened := slices.ContainsFunc(private, func(p netip.Prefix) bool {
		return p.Contains(addr) && (!metadata(addr) || p.IsSingleIP())
	})
	if opened {
		return ""
	}
	if metadata(addr) {
		return "is the metadata service of a cloud, which hands out credentials"
	}
	for _, r := range ranges() {
		if r.prefix.Contains(addr) {
			return r.why
		}
	}
	if addr.Is4() {
		return ""
	}
	if inside, form := embedded(addr); form != "" {
		if why := Refused(inside, nil); why != "" {
			return fmt.Sprintf("carries %s inside (%s), which %s", inside, form, why)
		}
		return ""
	}
	if !netip.MustParsePrefix("2000::/3").Contains(addr) {
		return "is no public IPv6 address"
	}
	return ""
}

// metadata is true of the addresses at which clouds answer their machines, and
// of those that carry one inside.
func metadata(addr netip.Addr) bool {
	if addr.Is6() {
		if inside, form := embedded(addr); form != "" {
			return metadata(inside)
		}
	}
	switch addr.String() {
	case "169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "168.63.129.16":
		return true
	}
	return false
}

type addressRange struct {
	prefix netip.Prefix
	why    string
}

// ranges are the special ranges that have a name. IPv6 outside 2000::/3 is
// refused without one.
func ranges() []addressRange {
	in := netip.MustParsePrefix
	return []addressRange{
		{in("0.0.0.0/8"), "is an address of this host"},
		{in("10.0.0.0/8"), "is a private address"},
		{in("100.64.0.0/10"), "is an address inside a carrier's network"},
		{in("127.0.0.0/8"), "is a loopback address"},
		{in("169.254.0.0/16"), "is a link-local address"},
		{in("172.16.0.0/12"), "is a private address"},
		{in("192.0.0.0/24"), "is a reserved address"},
		{in("192.0.2.0/24"), "is an address for documentation"},
		{in("192.88.99.0/24"), "is a relay address"},
		{in("192.168.0.0/16"), "is a private address"},
		{in("198.18.0.0/15"), "is an address for measurements"},
		{in("198.51.100.0/24"), "is an address for documentation"},
		{in("203.0.113.0/24"), "is an address for documentation"},
		{in("224.0.0.0/4"), "is a multicast address"},
		{in("240.0.0.0/4"), "is a reserved address"},
		{in("::/128"), "is an address of this host"},
		{in("::1/128"), "is a loopback address"},
		{in("64:ff9b:1::/48"), "is translated inside this network"},
		{in("fc00::/7"), "is a private address"},
		{in("fe80::/10"), "is a link-local address"},
		{in("ff00::/8"), "is a multicast address"},
		{in("2001::/23"), "is a reserved address"}, // Teredo too, which carries an address inside
		{in("2001:db8::/32"), "is an address for documentation"},
		{in("3fff::/20"), "is an address for documentation"},
	}
}

// embedded finds the IPv4 address that an IPv6 address carries for a translator
// or a tunnel.
func embedded(addr netip.Addr) (inside netip.Addr, form string) {
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16])), "NAT64"
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), "6to4"
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		return netip.AddrFrom4([4]byte(b[12:16])), "ISATAP"
	}
	return netip.Addr{}, ""
}
