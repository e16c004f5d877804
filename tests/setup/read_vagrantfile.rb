# Evaluates a Vagrantfile the way Vagrant would for every provider at once, and prints as JSON what it asked for.
#
# Vagrant itself evaluates a provider's block only where that provider's plugin is installed, so on a machine
# without hypervisors nobody would notice a misspelt line in it. Every object that the Vagrantfile is handed here
# is a Recorder: it accepts any setting, and writes down its path and its value.
#
#   ruby read_vagrantfile.rb Vagrantfile

require "json"

LOG = []

class Recorder
  def initialize(path)
    @path = path
  end

  def method_missing(name, *args, **options, &block)
    path = "#{@path}.#{name}"
    if name == :provider
      block.call(Recorder.new(args.first), Recorder.new("#{args.first}.override"))
    elsif name == :ruby
      block.call(nil, RunningMachine.new)
    elsif block
      LOG << [path, args, options]
      block.call(Recorder.new(path))
    elsif name == :[]=
      LOG << ["#{@path}.#{args[0]}", args[1..], options]
    elsif args.empty? && options.empty?
      return Recorder.new(path)
    else
      LOG << [path.delete_suffix("="), args, options]
    end
  end

  def respond_to_missing?(*)
    true
  end
end

# What a trigger sees once the machine runs: here port 8888 was taken on the host, and Vagrant took 2200.
class RunningMachine
  def provider = self
  def communicate = self
  def ui = self
  def capability?(_name) = true
  def capability(_name) = { 2222 => 22, 2200 => 8888 }
  def sudo(_command) = yield(:stdout, "secret\n")
  def success(text) = LOG << ["printed", [text], {}]
end

module Vagrant
  def self.configure(_version)
    yield Recorder.new("config")
  end
end

load ARGV.fetch(0)
puts JSON.generate(LOG)
