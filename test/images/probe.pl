# What a program can do that has escaped every sandbox: native sockets of each kind, with nothing of the worker between it and the kernel.
#   perl probe.pl reach IPV4 IPV6 PORT   says for each kind of packet whether something came back (PORT: on this machine)
#   perl probe.pl connect IPV4 IPV6 PORT says whether a connection to each comes about
#   perl probe.pl listen PORT            accepts connections
#   perl probe.pl answer                 accepts connections and answers datagrams on the ports that `reach` asks
use strict;
use warnings;
use Errno qw(EINPROGRESS EPERM EACCES);
use Fcntl;
use Socket qw(:all);

my $WAIT_SECONDS = 0.7;
$| = 1;

sub address { my ($host, $port) = @_;
  return $host =~ /:/ ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $host)) : pack_sockaddr_in($port, inet_aton($host));
}
sub family { return $_[0] =~ /:/ ? AF_INET6 : AF_INET; }

sub ready { my ($socket, $write) = @_;
  my $bits = '';
  vec($bits, fileno($socket), 1) = 1;
  return $write ? select(undef, my $out = $bits, undef, $WAIT_SECONDS) : select(my $in = $bits, undef, undef, $WAIT_SECONDS);
}

sub tcp { my ($host, $port) = @_;
  socket(my $socket, family($host), SOCK_STREAM, 0) or return 'no socket';
  fcntl($socket, F_SETFL, O_NONBLOCK);
  return 'reached' if connect($socket, address($host, $port));
  return 'nothing' unless $! == EINPROGRESS && ready($socket, 1);
  return unpack('i', getsockopt($socket, SOL_SOCKET, SO_ERROR)) == 0 ? 'reached' : 'nothing';
}

sub ask { my ($socket, $packet, $to) = @_;
  send($socket, $packet, 0, $to) or return 'nothing';
  return ready($socket, 0) ? 'reached' : 'nothing';
}

sub udp { my ($host, $port) = @_;
  socket(my $socket, family($host), SOCK_DGRAM, 0) or return 'no socket';
  return ask($socket, 'question', address($host, $port));
}

# As a client of DHCP asks: from port 68, or, to see that it is this port that counts, from another one.
sub dhcp { my ($host, $from) = @_;
  socket(my $socket, family($host), SOCK_DGRAM, 0) or return 'no socket';
  bind($socket, pack_sockaddr_in($from, INADDR_ANY)) or return 'no port';
  return ask($socket, 'question', address($host, 67));
}

sub checksum { my $sum = 0;
  $sum += $_ for unpack('n*', $_[0]);
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
  return ~$sum & 0xffff;
}

sub icmp { my ($host, $type) = @_;
  my $isSix = family($host) == AF_INET6;
  socket(my $socket, family($host), $type, $isSix ? 58 : 1) or return $! == EPERM || $! == EACCES ? 'forbidden' : 'no socket';
  my $echo = pack('C C n n n a8', $isSix ? 128 : 8, 0, 0, 7, 1, 'question');
  substr($echo, 2, 2, pack('n', checksum($echo))) unless $isSix;
  return ask($socket, $echo, address($host, 0));
}

my ($mode, @rest) = @ARGV;
sub listening { my ($family, $port) = @_;
  socket(my $socket, $family, SOCK_STREAM, 0) or die "socket: $!";
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
  setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $family == AF_INET6;
  bind($socket, $family == AF_INET6 ? pack_sockaddr_in6($port, IN6ADDR_ANY) : pack_sockaddr_in($port, INADDR_ANY)) or die "bind: $!";
  listen($socket, 16) or die "listen: $!";
  return $socket;
}

if ($mode eq 'reach') {
  my ($four, $six, $own) = @rest;
  my @kinds = (
    ['tcp', sub { tcp($four, 443) }], ['tcp, IPv6', sub { tcp($six, 443) }], ['tcp, another port', sub { tcp($four, 8080) }],
    ['dns', sub { udp($four, 53) }], ['dns, IPv6', sub { udp($six, 53) }], ['udp', sub { udp($four, 9999) }],
    ['dhcp', sub { dhcp($four, 68) }], ['dhcp, another port', sub { dhcp($four, 6868) }],
    ['ping', sub { icmp($four, SOCK_DGRAM) }], ['ping, IPv6', sub { icmp($six, SOCK_DGRAM) }],
    ['raw', sub { icmp($four, SOCK_RAW) }], ['raw, IPv6', sub { icmp($six, SOCK_RAW) }],
    ['this machine', sub { tcp('127.0.0.1', $own) }], ['this machine, IPv6', sub { tcp('::1', $own) }],
  );
  # All at once, each in a process of its own: most of them wait for nothing.
  my @running = map {
    my ($name, $try) = @$_;
    my $pid = open(my $result, '-|') // die "fork: $!";
    if ($pid == 0) { print $try->(); exit; }
    [$name, $result];
  } @kinds;
  for (@running) {
    my ($name, $result) = @$_;
    print "$name: ", scalar(<$result>), "\n";
  }
} elsif ($mode eq 'connect') {
  my ($four, $six, $port) = @rest;
  print join(' ', tcp($four, $port), tcp($six, $port)), "\n";
} elsif ($mode eq 'listen') {
  my @sockets = map { listening($_, $rest[0]) } AF_INET, AF_INET6;
  print "ready\n";
  while (1) {
    my $bits = '';
    vec($bits, fileno($_), 1) = 1 for @sockets;
    select($bits, undef, undef, undef);
    for (@sockets) { accept(my $taken, $_) if vec($bits, fileno($_), 1); }
  }
} elsif ($mode eq 'answer') {
  my @streams = map { listening(@$_) } [AF_INET, 443], [AF_INET6, 443], [AF_INET, 8080];
  my @datagrams = map {
    my ($family, $port) = @$_;
    socket(my $socket, $family, SOCK_DGRAM, 0) or die "socket: $!";
    setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $family == AF_INET6;
    bind($socket, $family == AF_INET6 ? pack_sockaddr_in6($port, IN6ADDR_ANY) : pack_sockaddr_in($port, INADDR_ANY)) or die "bind: $!";
    $socket;
  } [AF_INET, 53], [AF_INET6, 53], [AF_INET, 9999], [AF_INET, 67];
  print "ready\n";
  while (1) {
    my $bits = '';
    vec($bits, fileno($_), 1) = 1 for @streams, @datagrams;
    select($bits, undef, undef, undef);
    for (@streams) { accept(my $taken, $_) if vec($bits, fileno($_), 1); }
    for (@datagrams) {
      next unless vec($bits, fileno($_), 1);
      my $from = recv($_, my $packet, 1024, 0);
      send($_, $packet, 0, $from) if defined $from;
    }
  }
} else { die "reach, connect, listen or answer\n"; }
